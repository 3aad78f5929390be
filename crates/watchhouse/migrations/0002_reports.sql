-- Who reports as an organisation, with keys of its own.
CREATE TABLE organisations (
    id               TEXT   NOT NULL PRIMARY KEY,
    name             TEXT   NOT NULL UNIQUE,
    kind             TEXT   NOT NULL CHECK (kind IN ('trusted_flagger', 'hotline', 'authority')),
    contact          TEXT,
    created_at       BIGINT NOT NULL,
    changed_at       BIGINT NOT NULL,
    suspended_at     BIGINT,
    suspended_until  BIGINT,
    suspended_reason TEXT
);

ALTER TABLE api_keys ADD COLUMN organisation_id TEXT REFERENCES organisations (id);

-- When the first of its reports has to be answered.
ALTER TABLE cases ADD COLUMN due_at BIGINT;
CREATE INDEX cases_due ON cases (due_at) WHERE state = 'open' AND due_at IS NOT NULL;

-- Which case comes next, in all queues and in one.
CREATE INDEX cases_next ON cases (priority DESC, COALESCE(due_at, 9223372036854775807), id)
 WHERE state = 'open';
CREATE INDEX cases_next_in_queue ON cases (queue, priority DESC, COALESCE(due_at, 9223372036854775807), id)
 WHERE state = 'open';

-- What somebody told us. A report ends with a decision and in no other way. `is_suspended`: whether its
-- organisation was when it came. Without `key_id` it came by the public form.
CREATE TABLE reports (
    id                   TEXT   NOT NULL PRIMARY KEY,
    case_id              TEXT   NOT NULL REFERENCES cases (id),
    source               TEXT   NOT NULL CHECK (source IN ('user', 'trusted_flagger', 'hotline', 'authority', 'system')),
    organisation_id      TEXT   REFERENCES organisations (id),
    is_suspended         BIGINT NOT NULL CHECK (is_suspended IN (0, 1)),
    key_id               TEXT   REFERENCES api_keys (id),
    form_id              TEXT   UNIQUE,
    reporter_external_id TEXT,
    reporter_name        TEXT,
    reporter_email       TEXT,
    language             TEXT   NOT NULL,
    category             TEXT   NOT NULL,
    keyword              TEXT,
    explanation          TEXT   NOT NULL,
    address              TEXT,
    good_faith           BIGINT NOT NULL CHECK (good_faith IN (0, 1)),
    received_at          BIGINT NOT NULL,
    due_at               BIGINT,
    received_entry       TEXT   NOT NULL,
    decision_id          TEXT   REFERENCES decisions (id),
    decided_entry        TEXT
);
CREATE INDEX reports_case ON reports (case_id, id);
CREATE INDEX reports_organisation ON reports (organisation_id, id) WHERE organisation_id IS NOT NULL;
-- Decided, and the reporter not told yet.
CREATE INDEX reports_untold ON reports (decision_id, id) WHERE decision_id IS NOT NULL AND decided_entry IS NULL;
CREATE INDEX items_address ON items (address) WHERE address IS NOT NULL;
