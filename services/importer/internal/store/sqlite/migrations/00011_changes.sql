-- +goose Up
-- The cells of a sheet that were changed before they were imported, by column and rule, as JSON.
ALTER TABLE sheets ADD COLUMN changes TEXT NOT NULL DEFAULT 'null';

-- +goose Down
ALTER TABLE sheets DROP COLUMN changes;
