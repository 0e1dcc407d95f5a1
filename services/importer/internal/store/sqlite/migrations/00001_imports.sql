-- +goose Up
CREATE TABLE imports (
    id          TEXT PRIMARY KEY,
    owner       TEXT NOT NULL,
    schema      TEXT NOT NULL,
    file_name   TEXT NOT NULL,
    size_bytes  INTEGER NOT NULL,
    sha256      TEXT NOT NULL,
    request_id  TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    on_issues   INTEGER NOT NULL,
    mode        INTEGER NOT NULL,
    dry_run     INTEGER NOT NULL,
    notices     TEXT NOT NULL, -- JSON
    created_at  TEXT NOT NULL, -- RFC 3339
    scheduled   INTEGER NOT NULL DEFAULT 0,
    run         INTEGER NOT NULL DEFAULT 0,
    committed   INTEGER NOT NULL DEFAULT 0,
    ended       INTEGER NOT NULL DEFAULT 0,
    causes      TEXT NOT NULL DEFAULT '[]', -- JSON
    review      TEXT -- JSON; the numbers that the user was asked about
) STRICT;
CREATE UNIQUE INDEX imports_request ON imports (owner, request_id) WHERE request_id <> '';
CREATE INDEX imports_owner ON imports (owner, id);
CREATE INDEX imports_bytes ON imports (owner, sha256);
CREATE INDEX imports_unscheduled ON imports (id) WHERE scheduled = 0;

CREATE TABLE sheets (
    import_id TEXT NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    position  INTEGER NOT NULL,
    name      TEXT NOT NULL,
    source    TEXT NOT NULL, -- JSON; its position in the workbook
    counts    TEXT NOT NULL, -- JSON
    PRIMARY KEY (import_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE issues (
    serial      INTEGER PRIMARY KEY AUTOINCREMENT,
    import_id   TEXT NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    sheet       INTEGER NOT NULL, -- its position
    row         INTEGER NOT NULL,
    cell_column INTEGER NOT NULL,
    severity    INTEGER NOT NULL,
    code        INTEGER NOT NULL,
    cell        TEXT NOT NULL,
    column_name TEXT NOT NULL,
    value       TEXT NOT NULL,
    message     TEXT NOT NULL,
    folded      TEXT NOT NULL -- cell, value and message in lower case, for searching
) STRICT;
CREATE INDEX issues_place ON issues (import_id, sheet, row, cell_column, serial);
CREATE INDEX issues_newest ON issues (import_id, serial);

-- +goose Down
DROP TABLE issues;
DROP TABLE sheets;
DROP TABLE imports;
