-- +goose Up
-- How many bits of packed a row has: 2 in rows of earlier versions, which did not record refused rows.
ALTER TABLE outcomes ADD COLUMN bits INTEGER NOT NULL DEFAULT 2;
-- Issues by severity and code, as JSON.
ALTER TABLE sheets ADD COLUMN found TEXT NOT NULL DEFAULT '{}';

-- +goose Down
ALTER TABLE sheets DROP COLUMN found;
DELETE FROM outcomes WHERE bits <> 2;
ALTER TABLE outcomes DROP COLUMN bits;
