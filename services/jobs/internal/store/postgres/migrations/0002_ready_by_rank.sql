-- +goose Up

-- Ready jobs of an owner in the order of their leases: a step of priority counts as much as a minute of age.
DROP INDEX jobs_ready;
CREATE INDEX jobs_ready ON jobs (kind, owner, (created_at - priority * 60000000::bigint), seq) WHERE ready;

-- +goose Down
DROP INDEX jobs_ready;
CREATE INDEX jobs_ready ON jobs (kind, owner, priority DESC, seq) WHERE ready;
