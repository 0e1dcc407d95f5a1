-- +goose Up
-- What the user should know about a sheet, as JSON.
ALTER TABLE sheets ADD COLUMN notices TEXT NOT NULL DEFAULT 'null';

-- +goose Down
ALTER TABLE sheets DROP COLUMN notices;
