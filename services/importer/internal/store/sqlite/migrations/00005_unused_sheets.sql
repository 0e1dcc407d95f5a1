-- +goose Up
-- The sheets of the workbook that are not imported, as JSON.
ALTER TABLE imports ADD COLUMN unused TEXT NOT NULL DEFAULT 'null';

-- +goose Down
ALTER TABLE imports DROP COLUMN unused;
