-- +goose Up
-- The mapping of the upload, as JSON.
ALTER TABLE imports ADD COLUMN mapping TEXT NOT NULL DEFAULT 'null';

-- The mapping that a user has last used for files with the same headers.
CREATE TABLE remembered_mappings (
    owner   TEXT NOT NULL,
    schema  TEXT NOT NULL,
    headers TEXT NOT NULL, -- their digest
    mapping TEXT NOT NULL, -- JSON
    used_at TEXT NOT NULL, -- RFC 3339
    PRIMARY KEY (owner, schema, headers)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE remembered_mappings;
ALTER TABLE imports DROP COLUMN mapping;
