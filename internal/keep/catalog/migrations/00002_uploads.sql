-- +goose Up
-- Direct uploads. One text for SQLite and PostgreSQL.

-- An upload outlives its film and the asset that it became, so there is no reference to those. While it waits, its film
-- has a row of its own.
CREATE TABLE uploads (
    id             TEXT   NOT NULL PRIMARY KEY,
    environment_id TEXT   NOT NULL REFERENCES environments (id),
    created_at     BIGINT NOT NULL,
    revision       BIGINT NOT NULL,
    status         TEXT   NOT NULL CHECK (status IN ('waiting', 'asset_created', 'errored', 'cancelled', 'timed_out')),
    film_id        TEXT   NOT NULL UNIQUE,
    asset_id       TEXT   UNIQUE,
    document       TEXT   NOT NULL, -- film.Upload
    CHECK (status = 'errored' OR (status = 'asset_created') = (asset_id IS NOT NULL))
);
CREATE INDEX uploads_newest ON uploads (environment_id, created_at, id);
