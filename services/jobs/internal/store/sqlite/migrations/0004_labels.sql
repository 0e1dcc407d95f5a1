-- +goose Up

-- Finds the jobs with a label, newest first, however many there are without it.
CREATE TABLE job_labels (
    name       TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    seq        INTEGER NOT NULL REFERENCES jobs (seq),
    PRIMARY KEY (name, value, owner, created_at, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_labels_everyone ON job_labels (name, value, created_at, seq);

INSERT INTO job_labels (name, value, owner, created_at, seq)
    SELECT l.key, l.value, j.owner, j.created_at, j.seq FROM jobs AS j, json_each(j.labels) AS l WHERE j.labels IS NOT NULL;

-- +goose Down
DROP TABLE job_labels;
