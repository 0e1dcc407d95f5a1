-- +goose Up

-- Times are microseconds since 1970 in UTC; 0 is unset. Documents are JSON; NULL is unset.
CREATE TABLE jobs (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT, -- order of creation
    id               TEXT    NOT NULL UNIQUE,
    kind             TEXT    NOT NULL,
    owner            TEXT    NOT NULL,
    title            TEXT    NOT NULL,
    status           INTEGER NOT NULL, -- 1 queued, 2 active, 3 waiting, 4 completed, 5 failed, 6 cancelled
    ready            INTEGER NOT NULL, -- 1 while queued with nothing to wait for
    revision         INTEGER NOT NULL,
    priority         INTEGER NOT NULL,
    labels           TEXT,
    attempt          INTEGER NOT NULL,
    max_attempts     INTEGER NOT NULL,
    backoff          INTEGER NOT NULL, -- microseconds
    max_backoff      INTEGER NOT NULL, -- microseconds
    payload          TEXT,
    result           TEXT,
    question         TEXT,
    answer           TEXT,
    error            TEXT,
    progress         TEXT    NOT NULL,
    output_bytes     INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL,
    cancel_by        INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    started_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    completed_at     INTEGER NOT NULL,
    not_before       INTEGER NOT NULL,
    deadline         INTEGER NOT NULL,
    due_at           INTEGER NOT NULL, -- when time alone changes the job
    worker           TEXT    NOT NULL,
    lease_token      TEXT    NOT NULL,
    lease_duration   INTEGER NOT NULL, -- microseconds
    lease_expires_at INTEGER NOT NULL,
    queue_position   INTEGER NOT NULL,
    has_checkpoint   INTEGER NOT NULL,
    request_id       TEXT    NOT NULL,
    fingerprint      BLOB
) STRICT;

-- Live jobs: these stay small, however many have ended.
CREATE UNIQUE INDEX jobs_request ON jobs (owner, request_id) WHERE request_id <> '';
CREATE INDEX jobs_ready ON jobs (kind, priority DESC, seq, owner) WHERE ready = 1;
CREATE INDEX jobs_active ON jobs (kind, owner) WHERE status = 2;
CREATE INDEX jobs_due ON jobs (due_at) WHERE due_at > 0;
CREATE INDEX jobs_live ON jobs (created_at) WHERE status < 4;
CREATE INDEX jobs_live_owner ON jobs (owner, created_at) WHERE status < 4;
CREATE INDEX jobs_ended ON jobs (completed_at) WHERE completed_at > 0;

-- Lists, newest first, of one owner and of everyone.
CREATE INDEX jobs_created ON jobs (created_at);
CREATE INDEX jobs_status ON jobs (status, created_at);
CREATE INDEX jobs_kind ON jobs (kind, created_at);
CREATE INDEX jobs_owner ON jobs (owner, created_at);
CREATE INDEX jobs_owner_status ON jobs (owner, status, created_at);
CREATE INDEX jobs_owner_kind ON jobs (owner, kind, created_at);

-- What an attempt left for the next one.
CREATE TABLE checkpoints (
    seq  INTEGER PRIMARY KEY REFERENCES jobs (seq),
    data BLOB NOT NULL
) STRICT;

-- Output in chunks, in order and without gaps.
CREATE TABLE output (
    seq       INTEGER NOT NULL REFERENCES jobs (seq),
    begins_at INTEGER NOT NULL, -- offset of the first byte
    data      BLOB    NOT NULL,
    PRIMARY KEY (seq, begins_at)
) STRICT;

-- +goose Down
DROP TABLE output;
DROP TABLE checkpoints;
DROP TABLE jobs;
