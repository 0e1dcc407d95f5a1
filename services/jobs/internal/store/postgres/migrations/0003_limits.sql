-- +goose Up

-- Limits that jobs of an owner share by key, and the jobs that wait because of one.
ALTER TABLE jobs ADD COLUMN limit_key text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN limit_active bigint NOT NULL DEFAULT 0,
    ADD COLUMN limit_interval bigint NOT NULL DEFAULT 0, -- microseconds
    ADD COLUMN limited boolean NOT NULL DEFAULT false;
CREATE INDEX jobs_limited ON jobs (owner, limit_key, (created_at - priority * 60000000::bigint), seq) WHERE limited;

CREATE TABLE limits (
    owner      text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL,
    max_active bigint NOT NULL, -- of jobs that are ready or active; 0 for none
    interval   bigint NOT NULL, -- microseconds, at least, between two leases
    admitted   bigint NOT NULL, -- jobs that are ready or active
    ready      bigint NOT NULL, -- of those
    held       bigint NOT NULL, -- jobs that wait
    next_start bigint NOT NULL, -- no lease before
    due_at     bigint NOT NULL, -- when time alone lets a job become ready; 0 for never
    PRIMARY KEY (owner, key)
) WITH (fillfactor = 50);
CREATE INDEX limits_due ON limits (due_at) WHERE due_at > 0;

-- +goose Down
DROP TABLE limits;
DROP INDEX jobs_limited;
ALTER TABLE jobs DROP COLUMN limited, DROP COLUMN limit_interval, DROP COLUMN limit_active, DROP COLUMN limit_key;
