-- +goose Up

-- 0 until a call of the lease's worker has arrived, 1 after that; 2 instead of 0 if the worker calls before it starts a job.
ALTER TABLE jobs ADD COLUMN lease_heard INTEGER NOT NULL DEFAULT 0;
-- How many leases in a row have expired before a call arrived.
ALTER TABLE jobs ADD COLUMN unheard INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE jobs DROP COLUMN unheard;
ALTER TABLE jobs DROP COLUMN lease_heard;
