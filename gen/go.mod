module headway/gen

go 1.26.0
