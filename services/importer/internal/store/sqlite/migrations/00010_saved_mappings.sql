-- +goose Up
-- The mappings that users have saved.
CREATE TABLE saved_mappings (
    owner    TEXT NOT NULL,
    schema   TEXT NOT NULL,
    name     TEXT NOT NULL,
    shared   INTEGER NOT NULL,
    mapping  TEXT NOT NULL, -- JSON
    saved_at TEXT NOT NULL, -- RFC 3339
    PRIMARY KEY (schema, owner, name)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE saved_mappings;
