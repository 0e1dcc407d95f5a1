-- +goose Up
CREATE TABLE outcomes (
    import_id TEXT NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    sheet     INTEGER NOT NULL, -- its position
    packed    BLOB NOT NULL,    -- the result of each row, compressed
    PRIMARY KEY (import_id, sheet)
) STRICT;

-- +goose Down
DROP TABLE outcomes;
