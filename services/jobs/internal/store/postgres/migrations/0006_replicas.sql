-- +goose Up

-- Several processes, called replicas, share the database. See shared.go and record 0072.

-- The number of each writer's latest commit that the others must know of.
ALTER TABLE writers ADD COLUMN number bigint NOT NULL DEFAULT 0;

-- What these commits changed, for about a minute. The table is not logged, because it can be lost: the numbers show the gap.
CREATE UNLOGGED TABLE commits (
    writer  text COLLATE "C" NOT NULL,
    number  bigint NOT NULL,
    jobs    text[] NOT NULL, -- IDs
    output  text[] NOT NULL, -- IDs
    deleted text, -- JSON; NULL for none
    PRIMARY KEY (writer, number)
) WITH (autovacuum_vacuum_scale_factor = 0.5);

-- When each replica was last alive.
CREATE TABLE replicas (
    id       text COLLATE "C" PRIMARY KEY,
    alive_at timestamptz NOT NULL,
    watching boolean NOT NULL -- it has watchers
) WITH (fillfactor = 10);

-- A name that no other database has, when any replica was last alive, and which one leads until when. One row.
CREATE TABLE service (
    name       text NOT NULL,
    alive_at   timestamptz NOT NULL,
    leader     text COLLATE "C" NOT NULL,
    lead_until timestamptz NOT NULL
) WITH (fillfactor = 10);
INSERT INTO service (name, alive_at, leader, lead_until)
    VALUES (md5(random()::text || clock_timestamp()::text), clock_timestamp(), '', clock_timestamp());

-- The kinds that have workers, and their descriptions as JSON.
CREATE TABLE worker_kinds (
    kind        text COLLATE "C" PRIMARY KEY,
    seen_at     timestamptz NOT NULL,
    description text
);

-- +goose Down
DROP TABLE worker_kinds, service, replicas, commits;
ALTER TABLE writers DROP COLUMN number;
