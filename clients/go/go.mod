module headway/clients/go

go 1.26.0

require headway/gen v0.0.0

replace headway/gen => ../../gen
