-- The service's rules, and the laws that it acts on. A name is a path, such as terms/spam, and stays.
CREATE TABLE policies (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    version    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    retired_at BIGINT
);

-- What a policy said when it was cited.
CREATE TABLE policy_versions (
    policy_id     TEXT   NOT NULL REFERENCES policies (id),
    version       BIGINT NOT NULL,
    ground        TEXT   NOT NULL CHECK (ground IN ('law', 'terms')),
    reference     TEXT   NOT NULL,
    category      TEXT   NOT NULL,
    keyword       TEXT,
    severity      BIGINT NOT NULL,
    strike_weight BIGINT NOT NULL,
    strike_days   BIGINT,
    needs_second  BIGINT NOT NULL CHECK (needs_second IN (0, 1)),
    texts         TEXT   NOT NULL,
    made_at       BIGINT NOT NULL,
    PRIMARY KEY (policy_id, version)
);

ALTER TABLE decisions ADD COLUMN policy_version BIGINT;
ALTER TABLE decisions ADD COLUMN facts TEXT NOT NULL DEFAULT '';
ALTER TABLE decisions ADD COLUMN is_automated BIGINT NOT NULL DEFAULT 0 CHECK (is_automated IN (0, 1));
-- What it will ask for when it takes effect, as JSON.
ALTER TABLE decisions ADD COLUMN planned TEXT NOT NULL DEFAULT '[]';
ALTER TABLE decisions ADD COLUMN state TEXT NOT NULL DEFAULT 'effective' CHECK (state IN ('proposed', 'refused', 'pending', 'undone', 'effective'));
ALTER TABLE decisions ADD COLUMN takes_effect_at BIGINT;
-- The second person, where a policy asks for one.
ALTER TABLE decisions ADD COLUMN seconded_by TEXT REFERENCES api_keys (id);
ALTER TABLE decisions ADD COLUMN seconded_at BIGINT;
ALTER TABLE decisions ADD COLUMN seconded_reasons TEXT;
ALTER TABLE decisions ADD COLUMN reversed_by TEXT REFERENCES decisions (id);
CREATE INDEX decisions_state ON decisions (state, id) WHERE state IN ('proposed', 'pending');
CREATE INDEX decisions_reversed_by ON decisions (reversed_by) WHERE reversed_by IS NOT NULL;

-- The decision on it that waits for a second person.
ALTER TABLE cases ADD COLUMN proposal_id TEXT REFERENCES decisions (id);
-- The case on the same subject that took in what this one had.
ALTER TABLE cases ADD COLUMN merged_into TEXT REFERENCES cases (id);

-- Where it holds, as countries separated by spaces; NULL is everywhere. When it ends by itself.
ALTER TABLE actions ADD COLUMN territory TEXT;
ALTER TABLE actions ADD COLUMN until BIGINT;
-- The action that this one lifts.
ALTER TABLE actions ADD COLUMN lifts TEXT REFERENCES actions (id);
CREATE INDEX actions_lifts ON actions (lifts) WHERE lifts IS NOT NULL;

-- The weight of a decision on an account.
CREATE TABLE strikes (
    id          TEXT   NOT NULL PRIMARY KEY,
    account_id  TEXT   NOT NULL REFERENCES accounts (id),
    decision_id TEXT   NOT NULL UNIQUE REFERENCES decisions (id),
    policy      TEXT   NOT NULL,
    weight      BIGINT NOT NULL,
    given_at    BIGINT NOT NULL,
    expires_at  BIGINT,
    lifted_at   BIGINT
);
CREATE INDEX strikes_account ON strikes (account_id, id);

-- What somebody who is acted against is told, as it was told.
CREATE TABLE statements (
    id          TEXT   NOT NULL PRIMARY KEY,
    decision_id TEXT   NOT NULL REFERENCES decisions (id),
    account_id  TEXT   NOT NULL REFERENCES accounts (id),
    texts       TEXT   NOT NULL,
    issued_at   BIGINT NOT NULL,
    entry_id    TEXT   NOT NULL
);
CREATE UNIQUE INDEX statements_once ON statements (decision_id, account_id);
CREATE INDEX statements_account ON statements (account_id, id);

-- Requests to decide again: by the account that was acted against, or by who reported.
CREATE TABLE appeals (
    id             TEXT   NOT NULL PRIMARY KEY,
    decision_id    TEXT   NOT NULL REFERENCES decisions (id),
    case_id        TEXT   NOT NULL REFERENCES cases (id),
    statement_id   TEXT   UNIQUE REFERENCES statements (id),
    report_id      TEXT   UNIQUE REFERENCES reports (id),
    explanation    TEXT   NOT NULL,
    received_at    BIGINT NOT NULL,
    due_at         BIGINT,
    received_entry TEXT   NOT NULL,
    answer_id      TEXT   REFERENCES decisions (id),
    outcome        TEXT   CHECK (outcome IN ('upheld', 'partly_reversed', 'reversed')),
    answered_entry TEXT,
    dispute        TEXT
);
CREATE INDEX appeals_case ON appeals (case_id, id);
CREATE INDEX appeals_decision ON appeals (decision_id);
CREATE INDEX appeals_answer ON appeals (answer_id) WHERE answer_id IS NOT NULL;
