-- +goose Up

-- Limits that jobs of an owner share by key, and the jobs that wait because of one.
ALTER TABLE jobs ADD COLUMN limit_key TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN limit_active INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN limit_interval INTEGER NOT NULL DEFAULT 0; -- microseconds
ALTER TABLE jobs ADD COLUMN limited INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_limited ON jobs (owner, limit_key, (created_at - priority * 60000000), seq) WHERE limited = 1;

CREATE TABLE limits (
    owner      TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    max_active INTEGER NOT NULL, -- of jobs that are ready or active; 0 for none
    interval   INTEGER NOT NULL, -- microseconds, at least, between two leases
    admitted   INTEGER NOT NULL, -- jobs that are ready or active
    ready      INTEGER NOT NULL, -- of those
    held       INTEGER NOT NULL, -- jobs that wait
    next_start INTEGER NOT NULL, -- no lease before
    due_at     INTEGER NOT NULL, -- when time alone lets a job become ready; 0 for never
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX limits_due ON limits (due_at) WHERE due_at > 0;

-- +goose Down
DROP TABLE limits;
DROP INDEX jobs_limited;
ALTER TABLE jobs DROP COLUMN limited;
ALTER TABLE jobs DROP COLUMN limit_interval;
ALTER TABLE jobs DROP COLUMN limit_active;
ALTER TABLE jobs DROP COLUMN limit_key;
