-- +goose Up

-- Ready jobs of an owner in the order of their leases: a step of priority counts as much as a minute of age.
DROP INDEX jobs_ready;
DROP INDEX jobs_ready_owner;
CREATE INDEX jobs_ready_owner ON jobs (kind, owner, (created_at - priority * 60000000), seq) WHERE ready = 1;

-- +goose Down
DROP INDEX jobs_ready_owner;
CREATE INDEX jobs_ready_owner ON jobs (kind, owner, priority DESC, seq) WHERE ready = 1;
CREATE INDEX jobs_ready ON jobs (kind, priority DESC, seq, owner) WHERE ready = 1;
