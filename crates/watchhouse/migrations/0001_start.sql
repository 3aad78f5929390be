-- Types: BIGINT (integers, booleans as 0/1, times as microseconds since 1970 UTC), TEXT, BLOB.
-- The PostgreSQL migrator reads the word BLOB as BYTEA. Statements end with a semicolon at a line's end.

-- What this installation is: its name in the ledger, its sealed signing key.
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
);

-- Numbers that must become visible in the order in which they were given out: the row's lock is
-- held until commit, so whoever sees a number sees every smaller one.
CREATE TABLE counters (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('index', 0), ('banks', 0);

CREATE TABLE api_keys (
    id              TEXT   NOT NULL PRIMARY KEY,
    name            TEXT   NOT NULL,
    secret_digest   BLOB   NOT NULL,
    scopes          TEXT   NOT NULL,
    rate_per_second BIGINT,
    burst           BIGINT,
    created_at      BIGINT NOT NULL,
    expires_at      BIGINT,
    revoked_at      BIGINT,
    last_used_at    BIGINT
);

-- The answer to a POST, kept so that its repetition gets the same one.
CREATE TABLE idempotency_keys (
    key_id     TEXT   NOT NULL REFERENCES api_keys (id),
    name       TEXT   NOT NULL,
    route      TEXT   NOT NULL,
    digest     BLOB   NOT NULL,
    status     BIGINT,
    body       TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, name)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

CREATE TABLE banks (
    id             TEXT   NOT NULL PRIMARY KEY,
    number         BIGINT NOT NULL UNIQUE,
    name           TEXT   NOT NULL UNIQUE,
    description    TEXT   NOT NULL,
    owner          TEXT   NOT NULL,
    category       TEXT   NOT NULL,
    threshold      BIGINT NOT NULL CHECK (threshold BETWEEN 0 AND 63),
    is_enabled     BIGINT NOT NULL CHECK (is_enabled IN (0, 1)),
    hash_count     BIGINT NOT NULL DEFAULT 0,
    created_at     BIGINT NOT NULL,
    changed_at     BIGINT NOT NULL,
    changed_number BIGINT NOT NULL
);
CREATE INDEX banks_changed ON banks (changed_number);

-- A removed hash keeps its row: matches point at it.
CREATE TABLE hashes (
    number         BIGINT NOT NULL PRIMARY KEY,
    bank_id        TEXT   NOT NULL REFERENCES banks (id),
    kind           TEXT   NOT NULL,
    value          BLOB   NOT NULL,
    source         TEXT   NOT NULL,
    external_id    TEXT,
    category       TEXT,
    added_at       BIGINT NOT NULL,
    removed_at     BIGINT,
    removed_number BIGINT
);
CREATE UNIQUE INDEX hashes_live ON hashes (bank_id, kind, value) WHERE removed_at IS NULL;
CREATE INDEX hashes_removed ON hashes (removed_number) WHERE removed_number IS NOT NULL;

CREATE TABLE accounts (
    id          TEXT   NOT NULL PRIMARY KEY,
    external_id TEXT   NOT NULL UNIQUE,
    created_at  BIGINT NOT NULL
);

CREATE TABLE items (
    id          TEXT   NOT NULL PRIMARY KEY,
    external_id TEXT   NOT NULL UNIQUE,
    kind        TEXT   NOT NULL,
    surface     TEXT   NOT NULL CHECK (surface IN ('public', 'private', 'direct')),
    account_id  TEXT   REFERENCES accounts (id),
    address     TEXT,
    text        TEXT,
    created_at  BIGINT NOT NULL
);
CREATE INDEX items_account ON items (account_id);

-- The hashes of every media ever scanned, without the media, so that tomorrow's list finds
-- yesterday's upload. The platform's own ids are what makes such a find actionable.
CREATE TABLE sightings (
    id                  TEXT   NOT NULL PRIMARY KEY,
    scanned_at          BIGINT NOT NULL,
    item_external_id    TEXT   NOT NULL,
    item_kind           TEXT   NOT NULL,
    account_external_id TEXT,
    surface             TEXT   NOT NULL,
    verdict             TEXT   NOT NULL,
    problem             TEXT,
    sha256              BLOB   NOT NULL,
    sha1                BLOB   NOT NULL,
    md5                 BLOB   NOT NULL,
    size_bytes          BIGINT NOT NULL,
    format              TEXT,
    width               BIGINT,
    height              BIGINT
);
CREATE INDEX sightings_sha256 ON sightings (sha256);
CREATE INDEX sightings_sha1 ON sightings (sha1);
CREATE INDEX sightings_md5 ON sightings (md5);

CREATE TABLE sighting_frames (
    sighting_id TEXT   NOT NULL REFERENCES sightings (id),
    frame       BIGINT NOT NULL,
    pdq         BLOB   NOT NULL,
    quality     BIGINT NOT NULL,
    timestamp_ms BIGINT,
    PRIMARY KEY (sighting_id, frame, pdq)
);

CREATE TABLE cases (
    id           TEXT   NOT NULL PRIMARY KEY,
    state        TEXT   NOT NULL CHECK (state IN ('open', 'decided')),
    subject_kind TEXT   NOT NULL CHECK (subject_kind IN ('item', 'account')),
    subject_id   TEXT   NOT NULL,
    queue        TEXT   NOT NULL,
    priority     BIGINT NOT NULL,
    opened_at    BIGINT NOT NULL,
    changed_at   BIGINT NOT NULL,
    version      BIGINT NOT NULL,
    claimed_by   TEXT   REFERENCES api_keys (id),
    claimed_at   BIGINT,
    lease_until  BIGINT,
    decided_at   BIGINT
);
-- One open case for one subject.
CREATE UNIQUE INDEX cases_open ON cases (subject_kind, subject_id) WHERE state = 'open';
CREATE INDEX cases_subject ON cases (subject_kind, subject_id);
CREATE INDEX cases_state ON cases (state, id);

-- Why a case exists: one row for each scan that was not plainly allowed.
CREATE TABLE case_reasons (
    case_id     TEXT   NOT NULL REFERENCES cases (id),
    sighting_id TEXT   NOT NULL REFERENCES sightings (id),
    position    BIGINT NOT NULL,
    code        TEXT   NOT NULL,
    text        TEXT   NOT NULL,
    rule        TEXT,
    rule_version BIGINT,
    match_id    TEXT,
    PRIMARY KEY (case_id, sighting_id, position)
);

CREATE TABLE matches (
    id           TEXT   NOT NULL PRIMARY KEY,
    sighting_id  TEXT   NOT NULL REFERENCES sightings (id),
    item_id      TEXT   NOT NULL REFERENCES items (id),
    case_id      TEXT   REFERENCES cases (id),
    hash_number  BIGINT NOT NULL REFERENCES hashes (number),
    distance     BIGINT NOT NULL,
    threshold    BIGINT NOT NULL,
    transform    TEXT   NOT NULL,
    frame        BIGINT,
    quality      BIGINT,
    timestamp_ms BIGINT,
    rule         TEXT,
    rule_version BIGINT,
    found_at     BIGINT NOT NULL
);
CREATE INDEX matches_item ON matches (item_id);
CREATE INDEX matches_case ON matches (case_id);
-- A sighting meets a hash once, also when two searches of the past find it.
CREATE UNIQUE INDEX matches_once ON matches (sighting_id, hash_number);

CREATE TABLE decisions (
    id           TEXT   NOT NULL PRIMARY KEY,
    case_id      TEXT   NOT NULL REFERENCES cases (id),
    case_version BIGINT NOT NULL,
    policy       TEXT   NOT NULL,
    outcome      TEXT   NOT NULL CHECK (outcome IN ('violation', 'no_violation')),
    reasons      TEXT   NOT NULL,
    decided_by   TEXT   NOT NULL REFERENCES api_keys (id),
    decided_at   BIGINT NOT NULL
);
CREATE INDEX decisions_case ON decisions (case_id);

CREATE TABLE actions (
    id           TEXT   NOT NULL PRIMARY KEY,
    decision_id  TEXT   NOT NULL REFERENCES decisions (id),
    kind         TEXT   NOT NULL,
    parameters   TEXT   NOT NULL,
    item_id      TEXT   REFERENCES items (id),
    account_id   TEXT   REFERENCES accounts (id),
    state        TEXT   NOT NULL CHECK (state IN ('requested', 'done', 'failed')),
    detail       TEXT,
    requested_at BIGINT NOT NULL,
    answered_at  BIGINT
);
CREATE INDEX actions_decision ON actions (decision_id);
CREATE INDEX actions_item ON actions (item_id);

CREATE TABLE webhook_endpoints (
    id                     TEXT   NOT NULL PRIMARY KEY,
    url                    TEXT   NOT NULL,
    description            TEXT   NOT NULL,
    events                 TEXT   NOT NULL,
    is_enabled             BIGINT NOT NULL CHECK (is_enabled IN (0, 1)),
    disabled_reason        TEXT,
    secret_sealed          BLOB   NOT NULL,
    old_secret_sealed      BLOB,
    old_secret_until       BIGINT,
    created_at             BIGINT NOT NULL,
    deleted_at             BIGINT
);

CREATE TABLE messages (
    id         TEXT   NOT NULL PRIMARY KEY,
    kind       TEXT   NOT NULL,
    body       TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE deliveries (
    id              TEXT   NOT NULL PRIMARY KEY,
    endpoint_id     TEXT   NOT NULL REFERENCES webhook_endpoints (id),
    message_id      TEXT   NOT NULL REFERENCES messages (id),
    state           TEXT   NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts        BIGINT NOT NULL,
    next_attempt_at BIGINT,
    created_at      BIGINT NOT NULL,
    ended_at        BIGINT
);
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_state ON deliveries (state, id);

CREATE TABLE delivery_attempts (
    delivery_id TEXT   NOT NULL REFERENCES deliveries (id),
    number      BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    took_ms     BIGINT NOT NULL,
    status      BIGINT,
    problem     TEXT,
    answer      TEXT,
    PRIMARY KEY (delivery_id, number)
);

-- Work to be done after a commit. A row is deleted when its work is done.
CREATE TABLE jobs (
    id          TEXT   NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL,
    payload     TEXT   NOT NULL,
    run_at      BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    lease_until BIGINT,
    problem     TEXT,
    dead_at     BIGINT,
    created_at  BIGINT NOT NULL
);
CREATE INDEX jobs_due ON jobs (run_at) WHERE dead_at IS NULL;

-- Sealed copies of media that a rule or a person said to preserve.
CREATE TABLE evidence (
    id          TEXT   NOT NULL PRIMARY KEY,
    item_id     TEXT   NOT NULL REFERENCES items (id),
    sighting_id TEXT   NOT NULL REFERENCES sightings (id),
    case_id     TEXT   NOT NULL REFERENCES cases (id),
    sha256      BLOB   NOT NULL,
    size_bytes  BIGINT NOT NULL,
    blob        TEXT   NOT NULL,
    sealed_at   BIGINT NOT NULL
);
CREATE INDEX evidence_item ON evidence (item_id);
CREATE INDEX evidence_case ON evidence (case_id);

-- The tree holds `commitment` alone; `body` and `salt` open it.
CREATE TABLE ledger_entries (
    id         TEXT   NOT NULL PRIMARY KEY,
    at         BIGINT NOT NULL,
    kind       TEXT   NOT NULL,
    actor      TEXT   NOT NULL,
    body       TEXT   NOT NULL,
    salt       BLOB   NOT NULL,
    commitment BLOB   NOT NULL,
    position   BIGINT UNIQUE
);
CREATE INDEX ledger_entries_waiting ON ledger_entries (id) WHERE position IS NULL;

-- Hashes of the tree, 256 a tile; the last tile of a level grows in place.
CREATE TABLE ledger_tiles (
    level  BIGINT NOT NULL,
    number BIGINT NOT NULL,
    hashes BLOB   NOT NULL,
    PRIMARY KEY (level, number)
);

CREATE TABLE ledger_checkpoints (
    size      BIGINT NOT NULL PRIMARY KEY,
    root      BLOB   NOT NULL,
    note      TEXT   NOT NULL,
    signed_at BIGINT NOT NULL
);
