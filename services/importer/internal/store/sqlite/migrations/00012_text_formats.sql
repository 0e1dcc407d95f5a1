-- +goose Up
-- The formats of the files by their names, as JSON, if several text files were uploaded.
ALTER TABLE imports ADD COLUMN text_formats TEXT NOT NULL DEFAULT 'null';

-- +goose Down
ALTER TABLE imports DROP COLUMN text_formats;
