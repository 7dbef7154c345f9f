-- +goose Up
-- One text for SQLite and PostgreSQL. Times are microseconds since 1970, JSON and permissions are TEXT.

CREATE TABLE environments (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    type       TEXT   NOT NULL CHECK (type IN ('development', 'production')),
    created_at BIGINT NOT NULL,
    -- The number of the last event. Whoever raises it holds the row until the commit, so that numbers have no gaps
    -- and are seen in their order.
    event_seq  BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE tokens (
    id             TEXT   NOT NULL PRIMARY KEY,
    environment_id TEXT   NOT NULL REFERENCES environments (id),
    name           TEXT   NOT NULL,
    permissions    TEXT   NOT NULL, -- separated by spaces
    secret_sha256  TEXT   NOT NULL,
    created_at     BIGINT NOT NULL
);
CREATE INDEX tokens_newest ON tokens (environment_id, created_at, id);

CREATE TABLE signing_keys (
    id             TEXT   NOT NULL PRIMARY KEY,
    environment_id TEXT   NOT NULL REFERENCES environments (id),
    public_key     TEXT   NOT NULL,
    created_at     BIGINT NOT NULL
);
CREATE INDEX signing_keys_oldest ON signing_keys (environment_id, created_at, id);

-- Random secrets that all nodes share, such as the one that signs master URLs.
CREATE TABLE secrets (
    name       TEXT   NOT NULL PRIMARY KEY,
    value      TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

-- What the vault may hold. Rows before bytes when deleting: a film without a row is an orphan.
CREATE TABLE films (
    id             TEXT   NOT NULL PRIMARY KEY,
    environment_id TEXT   NOT NULL REFERENCES environments (id),
    created_at     BIGINT NOT NULL,
    verified_at    BIGINT NOT NULL DEFAULT 0 -- when a scrub last read all of it; 0: never
);
CREATE INDEX films_verified ON films (verified_at, id);

CREATE TABLE assets (
    id             TEXT   NOT NULL PRIMARY KEY,
    environment_id TEXT   NOT NULL REFERENCES environments (id),
    created_at     BIGINT NOT NULL,
    revision       BIGINT NOT NULL,
    status         TEXT   NOT NULL CHECK (status IN ('preparing', 'ready', 'errored')),
    film_id        TEXT   NOT NULL UNIQUE REFERENCES films (id),
    upload_id      TEXT,
    live_stream_id TEXT,
    document       TEXT   NOT NULL -- film.Asset
);
CREATE INDEX assets_newest ON assets (environment_id, created_at, id);
CREATE INDEX assets_of_upload ON assets (upload_id, created_at, id) WHERE upload_id IS NOT NULL;
CREATE INDEX assets_of_live_stream ON assets (live_stream_id, created_at, id) WHERE live_stream_id IS NOT NULL;

CREATE TABLE playback_ids (
    id       TEXT NOT NULL PRIMARY KEY,
    asset_id TEXT NOT NULL REFERENCES assets (id) ON DELETE CASCADE
);
CREATE INDEX playback_ids_of_asset ON playback_ids (asset_id);

CREATE TABLE grants (
    id         TEXT   NOT NULL PRIMARY KEY,
    asset_id   TEXT   NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    opened_at  BIGINT, -- the first download
    revoked_at BIGINT
);
CREATE INDEX grants_of_asset ON grants (asset_id);
CREATE INDEX grants_expiry ON grants (expires_at);

-- One row, raised by each transaction that takes grants away; running transfers watch it.
CREATE TABLE revocation_clock (
    id  BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL
);
INSERT INTO revocation_clock (id, seq) VALUES (1, 0);

CREATE TABLE webhooks (
    id             TEXT    NOT NULL PRIMARY KEY,
    environment_id TEXT    NOT NULL REFERENCES environments (id),
    address        TEXT    NOT NULL,
    secret         TEXT    NOT NULL, -- in clear: every delivery is signed with it
    enabled        BOOLEAN NOT NULL,
    created_at     BIGINT  NOT NULL,
    UNIQUE (environment_id, address)
);
CREATE INDEX webhooks_newest ON webhooks (environment_id, created_at, id);

-- Events outlive their objects, so there is no reference to those.
CREATE TABLE events (
    id               TEXT   NOT NULL PRIMARY KEY,
    environment_id   TEXT   NOT NULL REFERENCES environments (id),
    seq              BIGINT NOT NULL,
    type             TEXT   NOT NULL,
    object_type      TEXT   NOT NULL,
    object_id        TEXT   NOT NULL,
    at               BIGINT NOT NULL,
    snapshot_version BIGINT NOT NULL,
    snapshot         TEXT   NOT NULL, -- film.Snapshot
    UNIQUE (environment_id, seq)
);
CREATE INDEX events_age ON events (at);

CREATE TABLE deliveries (
    id          TEXT    NOT NULL PRIMARY KEY,
    event_id    TEXT    NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    webhook_id  TEXT    NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    -- The lane: of one webhook and object, first attempts leave in the order of event_seq.
    object_type TEXT    NOT NULL,
    object_id   TEXT    NOT NULL,
    event_seq   BIGINT  NOT NULL,
    released    BOOLEAN NOT NULL, -- its first attempt is ordered
    tries       BIGINT  NOT NULL DEFAULT 0,
    outcome     TEXT    NOT NULL DEFAULT '' CHECK (outcome IN ('', 'delivered', 'given_up', 'dropped')),
    deadline    BIGINT  NOT NULL,
    UNIQUE (event_id, webhook_id)
);
CREATE INDEX deliveries_newest ON deliveries (webhook_id, event_seq);
CREATE INDEX deliveries_open ON deliveries (webhook_id) WHERE outcome = '';
CREATE INDEX deliveries_deadline ON deliveries (deadline) WHERE outcome = '';
CREATE INDEX deliveries_lane ON deliveries (webhook_id, object_type, object_id, event_seq) WHERE tries = 0 AND outcome = '';

CREATE TABLE attempts (
    id          TEXT   NOT NULL PRIMARY KEY,
    delivery_id TEXT   NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    at          BIGINT NOT NULL,
    document    TEXT   NOT NULL -- film.Attempt
);
CREATE INDEX attempts_of_delivery ON attempts (delivery_id, at, id);

-- One row: no film is purged before that time, because a backup is copying.
CREATE TABLE purge_hold (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    held_until BIGINT NOT NULL
);
INSERT INTO purge_hold (id, held_until) VALUES (1, 0);
