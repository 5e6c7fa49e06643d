-- Teams, who is in them and where they go; what a visit brings home beside what was found; what a phone sent; codes found at a stall
-- that are not the vendor's; and what a phone may know of a market without a signal.
--
-- The release before this one works on this schema: every new column has a default that means what was there before.

-- ---------------------------------------------------------------- teams

-- Reference tables: a few thousand rows for the country. What a team does in a market names the team by its code.
CREATE TABLE teams (
	code       text        CONSTRAINT teams_pk PRIMARY KEY CONSTRAINT teams_code CHECK (code ~ '^[A-Z0-9][A-Z0-9-]{0,15}$'),
	name       text        NOT NULL,
	level      text        NOT NULL CONSTRAINT teams_level CHECK (level IN ('hamlet', 'commune')),
	kind       text        NOT NULL CONSTRAINT teams_kind CHECK (kind IN ('field', 'desk')),
	area_code  text        NOT NULL CONSTRAINT teams_area REFERENCES areas,
	hamlet     text        NOT NULL DEFAULT '',
	hamlet_key text        NOT NULL DEFAULT '',
	parent     text        CONSTRAINT teams_parent REFERENCES teams,
	link       text        NOT NULL DEFAULT '',
	version    integer     NOT NULL DEFAULT 1,
	created_by text        NOT NULL,
	created_at timestamptz NOT NULL,
	ended_on   date,
	CONSTRAINT teams_hamlet CHECK ((level = 'hamlet') = (hamlet <> '')),
	CONSTRAINT teams_own_parent CHECK (parent <> code)
);
CREATE INDEX teams_by_area ON teams (area_code);
COMMENT ON COLUMN teams.kind IS 'desk: supports the teams in the field, and goes to no stalls of its own';
COMMENT ON COLUMN teams.hamlet IS 'of a hamlet''s team: thôn, ấp, khu phố, tổ dân phố';
COMMENT ON COLUMN teams.hamlet_key IS 'its name folded: Ấp 7 and ap 7 are one';
COMMENT ON COLUMN teams.link IS 'of the team''s Zalo group';
COMMENT ON COLUMN teams.ended_on IS 'first day on which there was no such team any more';

CREATE TABLE team_members (
	id         uuid        CONSTRAINT team_members_pk PRIMARY KEY,
	team_code  text        NOT NULL CONSTRAINT team_members_team REFERENCES teams,
	name       text        NOT NULL,
	name_key   text        NOT NULL,
	phone      text        NOT NULL DEFAULT '',
	position   text        NOT NULL CONSTRAINT team_members_position CHECK (position IN ('leader', 'deputy', 'member')),
	belongs    text        NOT NULL DEFAULT '' CONSTRAINT team_members_belongs CHECK (belongs IN ('', 'youth_union', 'hamlet_board', 'telecom_staff', 'other')),
	person_id  uuid,
	installed  boolean     NOT NULL DEFAULT false,
	began      date        NOT NULL,
	ended      date,
	version    integer     NOT NULL DEFAULT 1,
	created_by text        NOT NULL,
	created_at timestamptz NOT NULL,
	CONSTRAINT team_members_days CHECK (ended IS NULL OR ended >= began)
);
CREATE INDEX team_members_by_team ON team_members (team_code);
CREATE INDEX team_members_by_person ON team_members (person_id);
CREATE UNIQUE INDEX team_members_one_leader ON team_members (team_code) WHERE position = 'leader' AND ended IS NULL;
CREATE UNIQUE INDEX team_members_once ON team_members (team_code, name_key, phone) WHERE ended IS NULL;
CREATE UNIQUE INDEX team_members_person_once ON team_members (team_code, person_id) WHERE ended IS NULL;
COMMENT ON COLUMN team_members.person_id IS 'who signs in; null: nobody yet';
COMMENT ON COLUMN team_members.installed IS 'has the wallet and the apps on the own phone: members learn first';
COMMENT ON COLUMN team_members.ended IS 'first day on which they were no member any more';

CREATE TABLE team_markets (
	market_id   uuid        NOT NULL CONSTRAINT team_markets_market REFERENCES markets,
	team_code   text        NOT NULL CONSTRAINT team_markets_team REFERENCES teams,
	sections    text[]      NOT NULL DEFAULT '{}',
	assigned_by text        NOT NULL,
	assigned_at timestamptz NOT NULL,
	CONSTRAINT team_markets_pk PRIMARY KEY (market_id, team_code)
);
CREATE INDEX team_markets_by_team ON team_markets (team_code);
COMMENT ON COLUMN team_markets.sections IS 'rows that the team walks; empty: all of the market';

CREATE TABLE hamlets (
	area_code text NOT NULL CONSTRAINT hamlets_area REFERENCES areas,
	name_key  text NOT NULL,
	name      text NOT NULL,
	CONSTRAINT hamlets_pk PRIMARY KEY (area_code, name_key)
);
COMMENT ON TABLE hamlets IS 'units below the commune, each of which should have a team; no official list of them is carried';

CREATE TABLE trainings (
	id         uuid        CONSTRAINT trainings_pk PRIMARY KEY,
	team_code  text        NOT NULL CONSTRAINT trainings_team REFERENCES teams,
	held_on    date        NOT NULL,
	topic      text        NOT NULL,
	attended   uuid[]      NOT NULL DEFAULT '{}',
	created_by text        NOT NULL,
	created_at timestamptz NOT NULL
);
CREATE INDEX trainings_by_team ON trainings (team_code, held_on);
COMMENT ON COLUMN trainings.attended IS 'members of the team who were there';

CREATE TABLE card_reads (
	person_id uuid        NOT NULL,
	card      text        NOT NULL,
	read_at   timestamptz NOT NULL,
	CONSTRAINT card_reads_pk PRIMARY KEY (person_id, card)
);

CREATE TABLE statements (
	team_code text        NOT NULL CONSTRAINT statements_team REFERENCES teams,
	member_id uuid        NOT NULL CONSTRAINT statements_member REFERENCES team_members,
	month     date        NOT NULL,
	visits    integer     NOT NULL,
	installed integer     NOT NULL,
	checks    integer     NOT NULL,
	signed_by text        NOT NULL,
	signed_at timestamptz NOT NULL,
	CONSTRAINT statements_pk PRIMARY KEY (team_code, member_id, month)
);
COMMENT ON TABLE statements IS 'a member''s month as whoever leads the team signed it; the figures do not change after that';
COMMENT ON COLUMN statements.month IS 'its first day';

-- ---------------------------------------------------------------- visits

ALTER TABLE visits
	ADD COLUMN content     bytea   NOT NULL DEFAULT '',
	ADD COLUMN checklist   jsonb   NOT NULL DEFAULT '{}',
	ADD COLUMN scan        text    NOT NULL DEFAULT '',
	ADD COLUMN clock_ahead integer,
	ADD COLUMN team_code   text,
	ADD CONSTRAINT visits_scan CHECK (scan IN ('', 'match', 'other_account', 'not_ours')) NOT VALID;
ALTER TABLE visits VALIDATE CONSTRAINT visits_scan;
CREATE INDEX visits_by_day ON visits (market_id, at);
CREATE INDEX visits_by_who ON visits (market_id, by, at);
COMMENT ON COLUMN visits.content IS 'SHA-256 of what was sent: the same id with other content is a conflict';
COMMENT ON COLUMN visits.checklist IS '{"wallet":"helped"}: done, helped, refused; what is not there was not asked';
COMMENT ON COLUMN visits.scan IS 'what a code that was scanned at the stall was: proof of having been there';
COMMENT ON COLUMN visits.clock_ahead IS 'seconds by which the sender''s clock was ahead of ours, negative behind; null: not known or none';
COMMENT ON COLUMN visits.team_code IS 'of which who came was a member then';

-- ---------------------------------------------------------------- what a phone sent

CREATE TABLE phone_sendings (
	market_id   uuid        NOT NULL CONSTRAINT phone_sendings_market REFERENCES markets,
	id          uuid        NOT NULL,
	kind        text        NOT NULL,
	place       text        NOT NULL,
	content     bytea       NOT NULL CONSTRAINT phone_sendings_content CHECK (length(content) = 32),
	device      uuid        NOT NULL,
	seq         bigint      NOT NULL,
	phone_at    timestamptz,
	phone_ahead integer,
	clock_ahead integer,
	sent_by     text        NOT NULL,
	received_at timestamptz NOT NULL,
	CONSTRAINT phone_sendings_pk PRIMARY KEY (market_id, id)
);
COMMENT ON COLUMN phone_sendings.id IS 'minted on the phone: of the record, or of the sending where the record has none of its own';
COMMENT ON COLUMN phone_sendings.seq IS 'the phone''s own count of what it kept';
COMMENT ON COLUMN phone_sendings.phone_at IS 'when it was by the phone''s clock; null: it did not say';
COMMENT ON COLUMN phone_sendings.phone_ahead IS 'seconds by which the phone knew its clock to be ahead of ours then; null: it did not know';
COMMENT ON COLUMN phone_sendings.clock_ahead IS 'seconds by which it was, where that is over 10 minutes';

ALTER TABLE clashes DROP CONSTRAINT clashes_kind;
ALTER TABLE clashes ADD CONSTRAINT clashes_kind
	CHECK (kind IN ('stall', 'vendor', 'account', 'placard', 'placard_event', 'visit', 'consent', 'status', 'change', 'void', 'notice')) NOT VALID;
ALTER TABLE clashes VALIDATE CONSTRAINT clashes_kind;

-- ---------------------------------------------------------------- codes that are not the vendor's

CREATE TABLE incidents (
	market_id  uuid        NOT NULL,
	id         uuid        NOT NULL,
	kind       text        NOT NULL CONSTRAINT incidents_kind CHECK (kind IN ('swapped')),
	result     text        NOT NULL CONSTRAINT incidents_result CHECK (result IN ('other_account', 'not_ours')),
	stall_id   uuid        NOT NULL,
	vendor_id  uuid        NOT NULL,
	placard_id uuid        NOT NULL,
	times      integer     NOT NULL DEFAULT 1,
	seen_at    timestamptz NOT NULL,
	opened_by  text        NOT NULL,
	opened_at  timestamptz NOT NULL,
	closing    text        CONSTRAINT incidents_closing CHECK (closing IN ('code_removed', 'replaced', 'vendors_own', 'mistake')),
	note       text        NOT NULL DEFAULT '',
	closed_by  text,
	closed_at  timestamptz,
	CONSTRAINT incidents_pk PRIMARY KEY (market_id, id),
	CONSTRAINT incidents_stall FOREIGN KEY (market_id, stall_id) REFERENCES stalls,
	CONSTRAINT incidents_placard FOREIGN KEY (market_id, placard_id) REFERENCES placards,
	CONSTRAINT incidents_closed CHECK ((closed_at IS NULL) = (closed_by IS NULL) AND (closed_at IS NULL) = (closing IS NULL))
);
CREATE UNIQUE INDEX incidents_one_open ON incidents (market_id, placard_id) WHERE closed_at IS NULL;
CREATE INDEX incidents_by_time ON incidents (market_id, opened_at);
COMMENT ON COLUMN incidents.times IS 'how often the other code was found before it was closed';
COMMENT ON COLUMN incidents.closing IS 'how it ended: the other code was taken off; a new placard was made; it was the vendor''s own; whoever looked was mistaken';

ALTER TABLE notices DROP CONSTRAINT notices_kind;
ALTER TABLE notices ADD CONSTRAINT notices_kind CHECK (kind IN ('account_changed', 'default_changed', 'code_found')) NOT VALID;
ALTER TABLE notices VALIDATE CONSTRAINT notices_kind;

-- ---------------------------------------------------------------- what a phone knows without a signal

-- The newest seed signs packs and makes the phones' keys. A UUID of PostgreSQL's holds 122 bits of its strong random source.
CREATE TABLE pack_seeds (
	made_at timestamptz CONSTRAINT pack_seeds_pk PRIMARY KEY,
	seed    bytea       NOT NULL CONSTRAINT pack_seeds_seed CHECK (length(seed) = 32)
);
INSERT INTO pack_seeds (made_at, seed) SELECT now(), sha256(convert_to(concat(gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid()), 'UTF8'));

-- What each stall's line of the pack was when it was last asked for, so that a phone gets only what changed since.
CREATE TABLE pack_heads (
	market_id uuid   CONSTRAINT pack_heads_pk PRIMARY KEY CONSTRAINT pack_heads_market REFERENCES markets,
	seq       bigint NOT NULL
);
CREATE TABLE pack_lines (
	market_id uuid   NOT NULL CONSTRAINT pack_lines_market REFERENCES markets,
	stall_id  uuid   NOT NULL,
	digest    bytea  NOT NULL,
	changed   bigint NOT NULL,
	CONSTRAINT pack_lines_pk PRIMARY KEY (market_id, stall_id)
);
COMMENT ON COLUMN pack_lines.changed IS 'the count of the market''s packs at which the line became what it is';
