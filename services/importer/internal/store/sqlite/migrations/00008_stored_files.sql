-- +goose Up
-- 0 if the workbook was deleted. For an import whose job is missing, the next sweep sets it.
ALTER TABLE imports ADD COLUMN file_stored INTEGER NOT NULL DEFAULT 1;
CREATE INDEX imports_stored ON imports (owner, size_bytes) WHERE file_stored = 1;

-- +goose Down
DROP INDEX imports_stored;
ALTER TABLE imports DROP COLUMN file_stored;
