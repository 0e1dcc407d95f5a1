-- +goose Up

-- One row per process that has written: the mark of its latest transaction. See commit.go.
CREATE TABLE writers (
    id      text COLLATE "C" PRIMARY KEY,
    mark    text COLLATE "C" NOT NULL,
    used_at timestamptz NOT NULL
) WITH (fillfactor = 10);

-- +goose Down
DROP TABLE writers;
