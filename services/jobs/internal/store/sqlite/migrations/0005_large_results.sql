-- +goose Up

-- The size of a result that is too large for the snapshot, and the result.
ALTER TABLE jobs ADD COLUMN result_bytes INTEGER NOT NULL DEFAULT 0;
CREATE TABLE results (
    seq  INTEGER PRIMARY KEY REFERENCES jobs (seq),
    data TEXT NOT NULL
) STRICT;

-- The call that ended the last lease: its lease token, and a hash of its content. A repeated call gets the same answer.
ALTER TABLE jobs ADD COLUMN ended_token TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN ended_call BLOB;

-- +goose Down
ALTER TABLE jobs DROP COLUMN ended_call;
ALTER TABLE jobs DROP COLUMN ended_token;
DROP TABLE results;
ALTER TABLE jobs DROP COLUMN result_bytes;
