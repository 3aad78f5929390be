-- Whoever may call: a key or a person. What either did points here.
ALTER TABLE api_keys RENAME TO callers;

CREATE TABLE api_keys (
    id              TEXT   NOT NULL PRIMARY KEY REFERENCES callers (id),
    secret_digest   BLOB   NOT NULL,
    scopes          TEXT   NOT NULL,
    rate_per_second BIGINT,
    burst           BIGINT,
    expires_at      BIGINT,
    revoked_at      BIGINT,
    last_used_at    BIGINT,
    organisation_id TEXT   REFERENCES organisations (id)
);
INSERT INTO api_keys (id, secret_digest, scopes, rate_per_second, burst, expires_at, revoked_at, last_used_at, organisation_id)
SELECT id, secret_digest, scopes, rate_per_second, burst, expires_at, revoked_at, last_used_at, organisation_id FROM callers;
ALTER TABLE callers DROP COLUMN secret_digest;
ALTER TABLE callers DROP COLUMN scopes;
ALTER TABLE callers DROP COLUMN rate_per_second;
ALTER TABLE callers DROP COLUMN burst;
ALTER TABLE callers DROP COLUMN expires_at;
ALTER TABLE callers DROP COLUMN revoked_at;
ALTER TABLE callers DROP COLUMN last_used_at;
ALTER TABLE callers DROP COLUMN organisation_id;
ALTER TABLE idempotency_keys RENAME COLUMN key_id TO caller_id;
ALTER TABLE reports RENAME COLUMN key_id TO caller_id;

-- Someone of the staff. Their name is their caller's. `password`: argon2id, as PHC writes it; NULL until it is
-- chosen, and for whoever signs in elsewhere alone.
CREATE TABLE people (
    id                TEXT   NOT NULL PRIMARY KEY REFERENCES callers (id),
    login             TEXT   NOT NULL UNIQUE,
    password          TEXT,
    invitation_digest BLOB,
    invitation_until  BIGINT,
    totp_sealed       BLOB,
    totp_confirmed_at BIGINT,
    totp_step         BIGINT NOT NULL DEFAULT 0,
    disabled_at       BIGINT,
    last_sign_in_at   BIGINT
);
CREATE UNIQUE INDEX people_invitation ON people (invitation_digest) WHERE invitation_digest IS NOT NULL;

-- Stand in for a code when the device is lost; each once.
CREATE TABLE recovery_codes (
    person_id TEXT   NOT NULL REFERENCES people (id),
    digest    BLOB   NOT NULL,
    used_at   BIGINT,
    PRIMARY KEY (person_id, digest)
);

-- What people may do: scopes, in some queues and of some categories. Without a row in `role_queues` in all, and
-- without one in `role_categories` of all.
CREATE TABLE roles (
    name        TEXT   NOT NULL PRIMARY KEY,
    description TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL
);
CREATE TABLE role_scopes (
    role  TEXT NOT NULL REFERENCES roles (name),
    scope TEXT NOT NULL,
    PRIMARY KEY (role, scope)
);
CREATE TABLE role_queues (
    role  TEXT NOT NULL REFERENCES roles (name),
    queue TEXT NOT NULL,
    PRIMARY KEY (role, queue)
);
CREATE TABLE role_categories (
    role     TEXT NOT NULL REFERENCES roles (name),
    category TEXT NOT NULL,
    PRIMARY KEY (role, category)
);
CREATE TABLE person_roles (
    person_id TEXT NOT NULL REFERENCES people (id),
    role      TEXT NOT NULL REFERENCES roles (name),
    PRIMARY KEY (person_id, role)
);

INSERT INTO roles (name, description, created_at, changed_at) VALUES
('reviewer', 'Looks at cases and decides them.', 0, 0),
('senior', 'Decides, of child safety too.', 0, 0),
('lead', 'Decides, keeps lists, and looks after those who report.', 0, 0),
('legal', 'Answers authorities and hotlines, and reads the ledger.', 0, 0),
('auditor', 'Reads what was done, and changes nothing.', 0, 0),
('administrator', 'Everything but child safety, which is a permission of its own.', 0, 0);
INSERT INTO role_scopes (role, scope) VALUES
('reviewer', 'cases:read'), ('reviewer', 'cases:decide'), ('reviewer', 'reports:read'), ('reviewer', 'items:read'), ('reviewer', 'actions:read'),
('senior', 'cases:read'), ('senior', 'cases:decide'), ('senior', 'reports:read'), ('senior', 'items:read'), ('senior', 'actions:read'),
('senior', 'child-safety'), ('senior', 'banks:read'),
('lead', 'cases:read'), ('lead', 'cases:decide'), ('lead', 'reports:read'), ('lead', 'items:read'), ('lead', 'actions:read'),
('lead', 'child-safety'), ('lead', 'banks:read'), ('lead', 'banks:write'), ('lead', 'organisations:read'),
('lead', 'organisations:write'), ('lead', 'people:read'), ('lead', 'ledger:read'),
('legal', 'cases:read'), ('legal', 'cases:decide'), ('legal', 'reports:read'), ('legal', 'reports:write'), ('legal', 'items:read'),
('legal', 'actions:read'), ('legal', 'child-safety'), ('legal', 'organisations:read'), ('legal', 'ledger:read'),
('auditor', 'cases:read'), ('auditor', 'reports:read'), ('auditor', 'items:read'), ('auditor', 'actions:read'), ('auditor', 'banks:read'),
('auditor', 'organisations:read'), ('auditor', 'people:read'), ('auditor', 'webhooks:read'), ('auditor', 'ledger:read'),
('reviewer', 'policies:read'), ('senior', 'policies:read'), ('lead', 'policies:read'), ('lead', 'policies:write'),
('legal', 'policies:read'), ('legal', 'policies:write'), ('auditor', 'policies:read'),
('administrator', 'admin');

-- What a case is about: the categories of its reports, and of the lists that it met.
CREATE TABLE case_categories (
    case_id  TEXT NOT NULL REFERENCES cases (id),
    category TEXT NOT NULL,
    PRIMARY KEY (case_id, category)
);
INSERT INTO case_categories (case_id, category)
SELECT case_id, category FROM reports
 UNION
SELECT m.case_id, b.category FROM matches m JOIN hashes h ON h.number = m.hash_number JOIN banks b ON b.id = h.bank_id
 WHERE m.case_id IS NOT NULL AND b.category <> ''
 UNION
SELECT m.case_id, h.category FROM matches m JOIN hashes h ON h.number = m.hash_number
 WHERE m.case_id IS NOT NULL AND h.category <> '';

CREATE VIEW child_safety_cases AS
SELECT case_id FROM case_categories WHERE category = 'protection_of_minors';

-- Which cases a person's roles reach, by which scope. A role of some categories reaches a case when all of the
-- case's are among them, and one without the scope child-safety none of child safety.
CREATE VIEW person_cases AS
SELECT p.person_id, s.scope, c.id AS case_id
  FROM person_roles p JOIN role_scopes s ON s.role = p.role CROSS JOIN cases c
 WHERE (NOT EXISTS (SELECT 1 FROM role_queues q WHERE q.role = p.role)
   OR EXISTS (SELECT 1 FROM role_queues q WHERE q.role = p.role AND q.queue = c.queue))
   AND (NOT EXISTS (SELECT 1 FROM role_categories k WHERE k.role = p.role)
   OR (EXISTS (SELECT 1 FROM case_categories x WHERE x.case_id = c.id)
   AND NOT EXISTS (SELECT 1 FROM case_categories x WHERE x.case_id = c.id
   AND x.category NOT IN (SELECT k.category FROM role_categories k WHERE k.role = p.role))))
   AND (NOT EXISTS (SELECT 1 FROM child_safety_cases x WHERE x.case_id = c.id)
   OR EXISTS (SELECT 1 FROM role_scopes y WHERE y.role = p.role AND y.scope = 'child-safety'));

-- Somebody is signed in, from one browser.
CREATE TABLE sessions (
    id            TEXT   NOT NULL PRIMARY KEY,
    person_id     TEXT   NOT NULL REFERENCES people (id),
    secret_digest BLOB   NOT NULL,
    method        TEXT   NOT NULL CHECK (method IN ('password', 'oidc')),
    address       TEXT   NOT NULL,
    browser       TEXT   NOT NULL,
    began_at      BIGINT NOT NULL,
    last_used_at  BIGINT NOT NULL,
    ends_at       BIGINT NOT NULL,
    ended_at      BIGINT
);
CREATE INDEX sessions_person ON sessions (person_id, id) WHERE ended_at IS NULL;
