-- +goose Up
ALTER TABLE imports ADD COLUMN schema_digest TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE imports DROP COLUMN schema_digest;
