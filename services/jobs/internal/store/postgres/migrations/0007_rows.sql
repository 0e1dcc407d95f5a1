-- +goose Up

-- The rows that statements write: each has one parameter, an array of one of these types. See records.go. A version that writes other
-- columns adds types with other names, because the version before uses these until it has ended.
CREATE TYPE new_job AS (
    id text, kind text, owner text, title text, priority integer, labels text, backoff bigint, max_backoff bigint,
    payload text, created_at bigint, limit_key text, limit_active bigint, limit_interval bigint, request_id text,
    fingerprint bytea, status smallint, ready boolean, revision bigint, attempt bigint, max_attempts bigint, result text,
    result_bytes bigint, question text, answer text, error text, progress text, cancel_requested boolean, cancel_by bigint,
    started_at bigint, updated_at bigint, completed_at bigint, not_before bigint, deadline bigint, due_at bigint,
    ready_at bigint, worker text, lease_token text, lease_duration bigint, unheard bigint, queue_position bigint,
    has_checkpoint boolean, limited boolean, ended_token text, ended_call bytea
);
CREATE TYPE changed_job AS (
    seq bigint, expected text, status smallint, ready boolean, revision bigint, attempt bigint, max_attempts bigint,
    result text, result_bytes bigint, question text, answer text, error text, progress text, cancel_requested boolean,
    cancel_by bigint, started_at bigint, updated_at bigint, completed_at bigint, not_before bigint, deadline bigint,
    due_at bigint, ready_at bigint, worker text, lease_token text, lease_duration bigint, unheard bigint,
    queue_position bigint, has_checkpoint boolean, limited boolean, ended_token text, ended_call bytea
);
CREATE TYPE changed_run AS (
    seq bigint, expected text, revision bigint, progress text, cancel_requested boolean, cancel_by bigint, updated_at bigint,
    due_at bigint, lease_expires_at bigint, lease_heard smallint, has_checkpoint boolean
);
CREATE TYPE ended_run AS (
    seq bigint, expected text
);
CREATE TYPE queued_job AS (
    kind text, owner text, rank bigint, seq bigint
);

-- +goose Down
DROP TYPE new_job, changed_job, changed_run, ended_run, queued_job;
