-- +goose Up

-- Counts the output of an owner's jobs.
CREATE INDEX jobs_owner_output ON jobs (owner, output_bytes) WHERE output_bytes > 0;

-- +goose Down
DROP INDEX jobs_owner_output;
