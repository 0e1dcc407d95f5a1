-- +goose Up

-- Finds the next job of an owner without passing those of owners at their cap.
CREATE INDEX jobs_ready_owner ON jobs (kind, owner, priority DESC, seq) WHERE ready = 1;

-- +goose Down
DROP INDEX jobs_ready_owner;
