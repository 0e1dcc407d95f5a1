module headway/clients/go

go 1.26.0

replace headway/gen => ../../gen
