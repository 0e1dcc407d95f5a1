-- +goose Up
-- The message as an ID with parameters, as JSON. It is empty for issues of earlier versions. message has the English text.
ALTER TABLE issues ADD COLUMN text text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE issues DROP COLUMN text;
