-- Second factors, enrolled phones, the first administrator, keys that take another's place, and roles that do not go together.

ALTER TABLE people
	ADD totp_step    bigint NOT NULL DEFAULT 0,
	ADD totp_next    text,
	ADD totp_next_at timestamptz,
	ADD CONSTRAINT people_totp_next_has_time CHECK ((totp_next IS NULL) = (totp_next_at IS NULL));
COMMENT ON COLUMN people.totp_secret IS 'base32; NULL: no second factor';
COMMENT ON COLUMN people.totp_step IS 'the newest 30-second step whose code was used: a code works once';
COMMENT ON COLUMN people.totp_next IS 'a secret that is being set up: it counts once a code of it was right';

CREATE TABLE recovery_codes (
	person_id uuid        NOT NULL CONSTRAINT recovery_codes_person REFERENCES people,
	hash      bytea       NOT NULL,
	made_at   timestamptz NOT NULL,
	used_at   timestamptz,
	CONSTRAINT recovery_codes_pk PRIMARY KEY (person_id, hash)
);
COMMENT ON COLUMN recovery_codes.hash IS 'SHA-256 of the person''s ID and the code''s 80 random bits';

CREATE TABLE phones (
	person_id  uuid        CONSTRAINT phones_pk PRIMARY KEY CONSTRAINT phones_person REFERENCES people,
	hash       bytea       NOT NULL CONSTRAINT phones_one_per_hash UNIQUE,
	pin_hash   text        NOT NULL,
	agent      text        NOT NULL,
	tries      integer     NOT NULL DEFAULT 0,
	created_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	used_at    timestamptz
);
COMMENT ON TABLE phones IS 'volunteers'' phones on which a PIN is enough; a row goes when its phone is lost or replaced';
COMMENT ON COLUMN phones.hash IS 'SHA-256 of the cookie''s 256 random bits';
COMMENT ON COLUMN phones.tries IS 'PINs tried since the last right one, counted before each is looked at';
COMMENT ON COLUMN phones.agent IS 'the browser in a few words, such as Chrome, Android';

ALTER TABLE sessions
	ADD stepped_up_at timestamptz,
	ADD agent         text    NOT NULL DEFAULT '',
	ADD by_pin        boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN sessions.stepped_up_at IS 'when the second factor was last shown';
COMMENT ON COLUMN sessions.by_pin IS 'it began on an enrolled phone, and ends with it';

CREATE TABLE doors (
	hash       bytea       CONSTRAINT doors_pk PRIMARY KEY,
	person_id  uuid        NOT NULL CONSTRAINT doors_person REFERENCES people,
	expires_at timestamptz NOT NULL,
	tries      integer     NOT NULL DEFAULT 0
);
CREATE INDEX doors_by_person ON doors (person_id);
COMMENT ON TABLE doors IS 'sign-ins whose password was right and whose code is still owed';

CREATE TABLE set_up_links (
	hash       bytea       CONSTRAINT set_up_links_pk PRIMARY KEY,
	expires_at timestamptz NOT NULL,
	used_at    timestamptz
);
COMMENT ON TABLE set_up_links IS 'one-time links that create the first administrator';

ALTER TABLE keys
	ADD replaces uuid CONSTRAINT keys_replaces REFERENCES keys CONSTRAINT keys_replaced_once UNIQUE;
COMMENT ON COLUMN keys.replaces IS 'the key whose place it takes; that one lives on for some days';

-- An administrator sees no vendor, an auditor does nothing but look, a partner is a firm and not a board: of each holder all roles in
-- force at one time are of one duty. Where that was not so, the duty that was given first stays.
CREATE EXTENSION IF NOT EXISTS btree_gist;
UPDATE grants SET ends_at = created_at WHERE ends_at < created_at;
ALTER TABLE grants
	ADD duty text GENERATED ALWAYS AS (CASE WHEN role IN ('partner', 'auditor', 'admin') THEN role ELSE 'board' END) STORED,
	ADD CONSTRAINT grants_in_order CHECK (ends_at >= created_at);
UPDATE grants g SET ends_at = g.created_at
WHERE g.duty <> (SELECT o.duty FROM grants o
                 WHERE coalesce(o.person_id, o.key_id) = coalesce(g.person_id, g.key_id)
                   AND tstzrange(o.created_at, o.ends_at) && tstzrange(g.created_at, g.ends_at)
                 ORDER BY o.created_at, o.id LIMIT 1);
ALTER TABLE grants
	ADD CONSTRAINT grants_one_duty EXCLUDE USING gist
		(coalesce(person_id, key_id) WITH =, duty WITH <>, tstzrange(created_at, ends_at) WITH &&);
CREATE INDEX grants_by_scope ON grants (scope_code, scope_kind);
COMMENT ON COLUMN grants.duty IS 'what goes together: board, partner, auditor, admin';
