-- +goose Up

-- Output below this offset is in segments, outside the database.
ALTER TABLE jobs ADD COLUMN output_sealed INTEGER NOT NULL DEFAULT 0;
-- Since when the job has been ready to be leased, or was before its lease.
ALTER TABLE jobs ADD COLUMN ready_at INTEGER NOT NULL DEFAULT 0;

-- Long outputs whose beginning could be sealed.
CREATE INDEX jobs_unsealed ON jobs (output_bytes - output_sealed) WHERE output_bytes - output_sealed > 65536;

-- Stretches of output that lie in the blob store, in order and without gaps.
CREATE TABLE output_segments (
    seq       INTEGER NOT NULL REFERENCES jobs (seq),
    begins_at INTEGER NOT NULL, -- offset of the first byte
    length    INTEGER NOT NULL,
    key       TEXT    NOT NULL, -- of the blob
    PRIMARY KEY (seq, begins_at)
) STRICT;

-- Blobs that nothing refers to, or not yet: each is named here before it is written.
CREATE TABLE unreferenced_blobs (
    key   TEXT    PRIMARY KEY,
    since INTEGER NOT NULL -- to be deleted from then on
) STRICT;

-- +goose Down
DROP TABLE unreferenced_blobs;
DROP TABLE output_segments;
DROP INDEX jobs_unsealed;
ALTER TABLE jobs DROP COLUMN ready_at;
ALTER TABLE jobs DROP COLUMN output_sealed;
