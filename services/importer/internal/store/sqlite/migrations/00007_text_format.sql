-- +goose Up
-- The format of a text file, as JSON.
ALTER TABLE imports ADD COLUMN text_format TEXT NOT NULL DEFAULT 'null';

-- +goose Down
ALTER TABLE imports DROP COLUMN text_format;
