-- Who may come in, and what was answered: ordinary tables that name facts by value.

CREATE TABLE people (
	id            uuid        CONSTRAINT people_pk PRIMARY KEY,
	name          text        NOT NULL,
	name_key      text        NOT NULL CONSTRAINT people_one_per_name UNIQUE,
	password_hash text,
	totp_secret   text,
	created_at    timestamptz NOT NULL,
	disabled_at   timestamptz
);
COMMENT ON COLUMN people.name_key IS 'the name in NFC and lower case: what is typed to sign in';

CREATE TABLE keys (
	id         uuid        CONSTRAINT keys_pk PRIMARY KEY,
	name       text        NOT NULL,
	prefix     text        NOT NULL,
	hash       bytea       NOT NULL CONSTRAINT keys_one_per_hash UNIQUE,
	created_by text        NOT NULL,
	created_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	revoked_at timestamptz,
	used_at    timestamptz,
	CONSTRAINT keys_within_a_year CHECK (expires_at <= created_at + interval '366 days')
);
COMMENT ON COLUMN keys.prefix IS 'the first characters, to tell keys apart in a list';
COMMENT ON COLUMN keys.hash IS 'SHA-256 of the whole key, which is shown once and not kept';

CREATE TABLE grants (
	id         uuid        CONSTRAINT grants_pk PRIMARY KEY,
	person_id  uuid        CONSTRAINT grants_person REFERENCES people,
	key_id     uuid        CONSTRAINT grants_key REFERENCES keys,
	role       text        NOT NULL CONSTRAINT grants_role
	           CHECK (role IN ('clerk', 'manager', 'volunteer', 'leader', 'officer', 'partner', 'auditor', 'admin')),
	scope_kind text        NOT NULL CONSTRAINT grants_scope CHECK (scope_kind IN ('market', 'area', 'team', 'provider', 'all')),
	scope_code text        NOT NULL,
	created_by text        NOT NULL,
	created_at timestamptz NOT NULL,
	ends_at    timestamptz,
	CONSTRAINT grants_one_holder CHECK ((person_id IS NULL) <> (key_id IS NULL)),
	CONSTRAINT grants_all_has_no_code CHECK ((scope_kind = 'all') = (scope_code = ''))
);
CREATE INDEX grants_by_person ON grants (person_id);
CREATE INDEX grants_by_key ON grants (key_id);

CREATE TABLE sessions (
	hash       bytea       CONSTRAINT sessions_pk PRIMARY KEY,
	person_id  uuid        NOT NULL CONSTRAINT sessions_person REFERENCES people,
	created_at timestamptz NOT NULL,
	seen_at    timestamptz NOT NULL
);
CREATE INDEX sessions_by_person ON sessions (person_id);
COMMENT ON COLUMN sessions.hash IS 'SHA-256 of the cookie''s 256 random bits';

CREATE TABLE links (
	hash       bytea       CONSTRAINT links_pk PRIMARY KEY,
	person_id  uuid        NOT NULL CONSTRAINT links_person REFERENCES people,
	expires_at timestamptz NOT NULL,
	used_at    timestamptz
);
COMMENT ON TABLE links IS 'one-time links for a first password';

-- Failed sign-ins per name and per address; emptied of old rows as it is used.
CREATE TABLE sign_in_failures (
	subject text        NOT NULL,
	at      timestamptz NOT NULL
);
CREATE INDEX sign_in_failures_by_subject ON sign_in_failures (subject, at);
CREATE INDEX sign_in_failures_by_time ON sign_in_failures (at);
COMMENT ON COLUMN sign_in_failures.subject IS 'SHA-256 of the name or of the address, in hex';

-- What a request that came with an Idempotency-Key was answered, written with its effect.
CREATE TABLE idempotency (
	actor    text        NOT NULL,
	key      text        NOT NULL,
	request  bytea       NOT NULL,
	status   integer     NOT NULL,
	headers  jsonb       NOT NULL,
	body     bytea       NOT NULL,
	at       timestamptz NOT NULL,
	CONSTRAINT idempotency_pk PRIMARY KEY (actor, key)
);
CREATE INDEX idempotency_by_time ON idempotency (at);
COMMENT ON COLUMN idempotency.request IS 'SHA-256 of method, path and body';
