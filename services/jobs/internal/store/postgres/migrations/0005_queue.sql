-- +goose Up

-- The ready jobs, in the order of their leases within an owner's queue. See lanes.go. They have their own table, and the lists by status
-- have a separate column, so that a lease changes no indexed column of jobs: its update touches no index. For that, more than half
-- of each page stays free.
CREATE TABLE queue (
    kind  text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    rank  bigint NOT NULL, -- a step of priority counts as much as a minute of age
    seq   bigint NOT NULL,
    PRIMARY KEY (kind, owner, rank, seq)
);
INSERT INTO queue (kind, owner, rank, seq) SELECT kind, owner, created_at - priority * 60000000::bigint, seq FROM jobs WHERE ready;

DROP INDEX jobs_ready, jobs_live, jobs_live_owner, jobs_status, jobs_owner_status;
ALTER TABLE jobs SET (fillfactor = 45);
ALTER TABLE jobs ADD COLUMN phase smallint GENERATED ALWAYS AS (CASE WHEN status = 2 THEN 1::smallint ELSE status END) STORED; -- the status, or 1 for an active job
CREATE INDEX jobs_phase ON jobs (phase, created_at, seq);
CREATE INDEX jobs_owner_phase ON jobs (owner, phase, created_at, seq);

-- +goose Down
ALTER TABLE jobs DROP COLUMN phase;
ALTER TABLE jobs SET (fillfactor = 85);
CREATE INDEX jobs_ready ON jobs (kind, owner, (created_at - priority * 60000000::bigint), seq) WHERE ready;
CREATE INDEX jobs_live ON jobs (created_at, seq) WHERE status < 4;
CREATE INDEX jobs_live_owner ON jobs (owner, created_at, seq) WHERE status < 4;
CREATE INDEX jobs_status ON jobs (status, created_at, seq);
CREATE INDEX jobs_owner_status ON jobs (owner, status, created_at, seq);
DROP TABLE queue;
