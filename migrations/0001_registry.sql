-- The record: areas, markets, stalls, vendors, who holds which stall, where a vendor's money goes, placards, consent, evidence.
--
-- Rules that every table keeps (they cost nothing on one server and let the tables be distributed by market):
-- market_id leads every key; facts never point from one market into another; no triggers; identifiers and times come
-- from the program; what must be unique over all markets is a claims table of its own.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- Sorts as people here do: An Ă Â, D before Đ, A-2 before A-10.
CREATE COLLATION vi_order (provider = icu, locale = 'vi-u-kn-true');

-- ---------------------------------------------------------------- reference

CREATE TABLE areas (
	code       text     CONSTRAINT areas_pk PRIMARY KEY,
	name       text     NOT NULL,
	name_fold  text     NOT NULL,
	kind       text     NOT NULL,
	level      smallint NOT NULL CONSTRAINT areas_level CHECK (level IN (1, 2)),
	parent     text     CONSTRAINT areas_parent REFERENCES areas,
	valid_from date     NOT NULL,
	valid_to   date,
	CONSTRAINT areas_parent_by_level CHECK ((level = 1) = (parent IS NULL))
);
COMMENT ON COLUMN areas.code IS 'official code: two digits a province (92), five a commune (31321)';
COMMENT ON COLUMN areas.level IS '1 province or central city, 2 commune, ward, special zone';
COMMENT ON COLUMN areas.valid_to IS 'first day on which the unit is no more; null while it lasts';

CREATE TABLE markets (
	id             uuid        CONSTRAINT markets_pk PRIMARY KEY,
	code           text        NOT NULL CONSTRAINT markets_one_per_code UNIQUE
	                           CONSTRAINT markets_code_form CHECK (code ~ '^[A-Z0-9][A-Z0-9-]{0,15}$'),
	name           text        NOT NULL,
	name_fold      text        NOT NULL,
	area_code      text        CONSTRAINT markets_area REFERENCES areas,
	planned_stalls integer     CONSTRAINT markets_planned CHECK (planned_stalls BETWEEN 0 AND 100000),
	call           text        NOT NULL DEFAULT '',
	demo           boolean     NOT NULL DEFAULT false,
	version        integer     NOT NULL DEFAULT 1,
	created_at     timestamptz NOT NULL
);
CREATE INDEX markets_by_area ON markets (area_code);
COMMENT ON COLUMN markets.call IS 'whom a shopper calls when the name on the phone is another, 0293 000 0040';
COMMENT ON COLUMN markets.demo IS 'invented people: every placard says MẪU / SAMPLE';

-- ---------------------------------------------------------------- the market's people and places

CREATE TABLE stalls (
	market_id  uuid        NOT NULL CONSTRAINT stalls_market REFERENCES markets,
	id         uuid        NOT NULL,
	code       text        NOT NULL,
	code_key   text        NOT NULL,
	code_fold  text        NOT NULL,
	section    text        NOT NULL DEFAULT '',
	goods      text        NOT NULL DEFAULT '',
	position   integer     NOT NULL,
	import_id  uuid,
	version    integer     NOT NULL DEFAULT 1,
	created_at timestamptz NOT NULL,
	removed_at timestamptz,
	CONSTRAINT stalls_pk PRIMARY KEY (market_id, id)
);
CREATE UNIQUE INDEX stalls_one_per_code ON stalls (market_id, code_key) WHERE removed_at IS NULL;
CREATE INDEX stalls_walk ON stalls (market_id, position, code_key) WHERE removed_at IS NULL;
CREATE INDEX stalls_by_import ON stalls (market_id, import_id) WHERE import_id IS NOT NULL;
COMMENT ON COLUMN stalls.code IS 'as painted on the stall, A-12';
COMMENT ON COLUMN stalls.code_key IS 'the code in upper case without blanks: two spellings of one code are one stall';
COMMENT ON COLUMN stalls.position IS 'place in the walking order, from 1';
COMMENT ON COLUMN stalls.removed_at IS 'when the import that brought it was undone';

CREATE TABLE vendors (
	market_id       uuid        NOT NULL CONSTRAINT vendors_market REFERENCES markets,
	id              uuid        NOT NULL,
	name            text        NOT NULL,
	name_fold       text        NOT NULL,
	phone           text,
	default_account uuid,
	import_id       uuid,
	created_at      timestamptz NOT NULL,
	removed_at      timestamptz,
	CONSTRAINT vendors_pk PRIMARY KEY (market_id, id)
);
CREATE INDEX vendors_search ON vendors USING gin (market_id, name_fold gin_trgm_ops);
CREATE INDEX vendors_by_phone ON vendors (market_id, phone);
CREATE INDEX vendors_by_import ON vendors (market_id, import_id) WHERE import_id IS NOT NULL;
COMMENT ON COLUMN vendors.phone IS 'ten digits, 0912345678';
COMMENT ON COLUMN vendors.default_account IS 'where the money goes; moved by one function only';

CREATE TABLE occupancies (
	market_id uuid NOT NULL,
	id        uuid NOT NULL,
	stall_id  uuid NOT NULL,
	vendor_id uuid NOT NULL,
	began     date NOT NULL,
	ended     date,
	import_id uuid,
	CONSTRAINT occupancies_pk PRIMARY KEY (market_id, id),
	CONSTRAINT occupancies_stall FOREIGN KEY (market_id, stall_id) REFERENCES stalls,
	CONSTRAINT occupancies_vendor FOREIGN KEY (market_id, vendor_id) REFERENCES vendors,
	CONSTRAINT occupancies_days CHECK (ended IS NULL OR ended >= began)
);
CREATE UNIQUE INDEX occupancies_one_per_stall ON occupancies (market_id, stall_id) WHERE ended IS NULL;
CREATE INDEX occupancies_by_stall ON occupancies (market_id, stall_id, began);
CREATE INDEX occupancies_by_vendor ON occupancies (market_id, vendor_id);
COMMENT ON COLUMN occupancies.began IS 'first day, in the market''s own calendar (Asia/Ho_Chi_Minh)';
COMMENT ON COLUMN occupancies.ended IS 'first day on which the vendor no longer holds the stall; equal to began: never held it';

CREATE TABLE consents (
	market_id uuid        NOT NULL,
	id        uuid        NOT NULL,
	vendor_id uuid        NOT NULL,
	kind      text        NOT NULL CONSTRAINT consents_kind CHECK (kind IN ('vendor', 'attested_by_board', 'withdrawal')),
	purpose   text        NOT NULL DEFAULT 'receive_payment',
	wording   text        NOT NULL,
	given     text        NOT NULL,
	taken_by  text        NOT NULL,
	taken_at  timestamptz NOT NULL,
	import_id uuid,
	CONSTRAINT consents_pk PRIMARY KEY (market_id, id),
	CONSTRAINT consents_vendor FOREIGN KEY (market_id, vendor_id) REFERENCES vendors
);
CREATE INDEX consents_by_vendor ON consents (market_id, vendor_id, taken_at);
COMMENT ON COLUMN consents.wording IS 'language and version of the sentence that was read out, vi-1';
COMMENT ON COLUMN consents.given IS 'face_to_face, signed_form, phone_call; board for an attested ledger';

-- ---------------------------------------------------------------- where the money goes

-- Written once. What became of a proposal is a row of account_decisions; where the money goes is vendors.default_account.
CREATE TABLE accounts (
	market_id      uuid        NOT NULL,
	id             uuid        NOT NULL,
	vendor_id      uuid        NOT NULL,
	provider       text        NOT NULL,
	bin            text        NOT NULL CONSTRAINT accounts_bin CHECK (bin ~ '^[0-9]{6}$'),
	number         text        NOT NULL CONSTRAINT accounts_number CHECK (number ~ '^[A-Za-z0-9]{1,19}$'),
	holder         text        NOT NULL,
	holder_given   boolean     NOT NULL,
	source         text        NOT NULL CONSTRAINT accounts_source CHECK (source IN ('typed', 'scanned', 'import')),
	payload        text        NOT NULL,
	payload_sha256 bytea       NOT NULL CONSTRAINT accounts_payload_hash CHECK (length(payload_sha256) = 32),
	symbol         bytea       NOT NULL,
	rank           smallint    NOT NULL DEFAULT 1,
	replaces       uuid,
	touched_by     text[]      NOT NULL CONSTRAINT accounts_touched CHECK (cardinality(touched_by) > 0),
	proposed_by    text        NOT NULL,
	proposed_at    timestamptz NOT NULL,
	import_id      uuid,
	CONSTRAINT accounts_pk PRIMARY KEY (market_id, id),
	CONSTRAINT accounts_of_vendor UNIQUE (market_id, vendor_id, id),
	CONSTRAINT accounts_as_decided UNIQUE (market_id, id, payload_sha256, touched_by),
	CONSTRAINT accounts_vendor FOREIGN KEY (market_id, vendor_id) REFERENCES vendors,
	CONSTRAINT accounts_replaces FOREIGN KEY (market_id, vendor_id, replaces) REFERENCES accounts (market_id, vendor_id, id),
	CONSTRAINT accounts_proposer_touched CHECK (proposed_by = ANY (touched_by))
);
CREATE INDEX accounts_same_number ON accounts (market_id, bin, number);
CREATE INDEX accounts_by_import ON accounts (market_id, import_id) WHERE import_id IS NOT NULL;
COMMENT ON COLUMN accounts.holder_given IS 'false: made of the vendor''s name, nobody has heard the bank say it yet';
COMMENT ON COLUMN accounts.payload IS 'the text of the payment code, made once and frozen';
COMMENT ON COLUMN accounts.symbol IS 'its modules: one byte of width, then the bits row by row';
COMMENT ON COLUMN accounts.rank IS 'order of the columns or names that brought it: the first approved becomes the default';
COMMENT ON COLUMN accounts.replaces IS 'the live account that this one would take the place of: a change, decided by the stricter rule';
COMMENT ON COLUMN accounts.touched_by IS 'everybody who brought in or edited the proposal; none of them may approve it';

ALTER TABLE vendors ADD CONSTRAINT vendors_default_account
	FOREIGN KEY (market_id, id, default_account) REFERENCES accounts (market_id, vendor_id, id);

CREATE TABLE account_decisions (
	market_id      uuid        NOT NULL,
	id             uuid        NOT NULL,
	account_id     uuid        NOT NULL,
	decision       text        NOT NULL
	               CONSTRAINT account_decisions_word CHECK (decision IN ('approved', 'rejected', 'withdrawn', 'expired', 'superseded')),
	reason         text        NOT NULL DEFAULT '',
	via            text        NOT NULL CONSTRAINT account_decisions_via CHECK (via IN ('web', 'api', 'console', 'system')),
	decided_by     text        NOT NULL,
	decided_at     timestamptz NOT NULL,
	payload_sha256 bytea       NOT NULL,
	touched_by     text[]      NOT NULL,
	CONSTRAINT account_decisions_pk PRIMARY KEY (market_id, id),
	-- The pair is copied from the account and held to it by this key, so the check below speaks of the real proposers.
	CONSTRAINT account_decisions_account FOREIGN KEY (market_id, account_id, payload_sha256, touched_by)
		REFERENCES accounts (market_id, id, payload_sha256, touched_by),
	CONSTRAINT account_decisions_second_person CHECK (decision <> 'approved' OR decided_by <> ALL (touched_by))
);
CREATE INDEX account_decisions_by_account ON account_decisions (market_id, account_id);
CREATE UNIQUE INDEX account_decisions_once ON account_decisions (market_id, account_id) WHERE decision <> 'superseded';
CREATE UNIQUE INDEX account_decisions_superseded_once ON account_decisions (market_id, account_id) WHERE decision = 'superseded';

-- ---------------------------------------------------------------- placards

CREATE TABLE print_batches (
	market_id   uuid        NOT NULL CONSTRAINT print_batches_market REFERENCES markets,
	id          uuid        NOT NULL,
	sheet       text        NOT NULL,
	design      text        NOT NULL,
	skip        integer     NOT NULL DEFAULT 0 CONSTRAINT print_batches_skip CHECK (skip BETWEEN 0 AND 99),
	layout      integer     NOT NULL,
	placards    integer     NOT NULL,
	left_out    jsonb       NOT NULL DEFAULT '[]',
	created_by  text        NOT NULL,
	created_at  timestamptz NOT NULL,
	CONSTRAINT print_batches_pk PRIMARY KEY (market_id, id)
);
COMMENT ON COLUMN print_batches.layout IS 'version of the drawing, so that the same batch gives the same bytes for ever';
COMMENT ON COLUMN print_batches.skip IS 'cells of the first sheet that were used before';

-- What stands on the paper is frozen here: a name corrected later does not change what hangs in the market.
CREATE TABLE placards (
	market_id    uuid        NOT NULL,
	id           uuid        NOT NULL,
	serial       text        NOT NULL,
	kind         text        NOT NULL DEFAULT 'ours' CONSTRAINT placards_kind CHECK (kind IN ('ours', 'provider')),
	stall_id     uuid        NOT NULL,
	vendor_id    uuid        NOT NULL,
	account_id   uuid        NOT NULL,
	batch_id     uuid,
	cell         integer     NOT NULL,
	mark         text        NOT NULL DEFAULT '' CONSTRAINT placards_mark CHECK (mark IN ('', 'sample', 'provisional')),
	market_name  text        NOT NULL,
	call         text        NOT NULL,
	stall_code   text        NOT NULL,
	goods        text        NOT NULL,
	vendor_name  text        NOT NULL,
	holder       text        NOT NULL,
	state        text        NOT NULL CONSTRAINT placards_state
	             CHECK (state IN ('issued', 'printed', 'handed_over', 'installed', 'suspended', 'replaced', 'lost', 'void')),
	issued_at    timestamptz NOT NULL,
	CONSTRAINT placards_pk PRIMARY KEY (market_id, id),
	CONSTRAINT placards_stall FOREIGN KEY (market_id, stall_id) REFERENCES stalls,
	CONSTRAINT placards_account FOREIGN KEY (market_id, vendor_id, account_id) REFERENCES accounts (market_id, vendor_id, id),
	CONSTRAINT placards_batch FOREIGN KEY (market_id, batch_id) REFERENCES print_batches
);
CREATE UNIQUE INDEX placards_one_live ON placards (market_id, stall_id, account_id)
	WHERE kind = 'ours' AND state IN ('issued', 'printed', 'handed_over', 'installed', 'suspended');
CREATE INDEX placards_by_batch ON placards (market_id, batch_id, cell);
CREATE INDEX placards_by_vendor ON placards (market_id, vendor_id);

-- A serial is unique over all markets: who holds it is found here.
CREATE TABLE placard_serials (
	serial     text CONSTRAINT placard_serials_pk PRIMARY KEY,
	market_id  uuid NOT NULL,
	placard_id uuid NOT NULL
);

CREATE TABLE placard_events (
	market_id   uuid        NOT NULL,
	id          uuid        NOT NULL,
	placard_id  uuid        NOT NULL,
	seq         integer     NOT NULL,
	kind        text        NOT NULL CONSTRAINT placard_events_kind CHECK (kind IN
	            ('issued', 'printed', 'handed_over', 'installed', 'checked', 'suspended', 'resumed', 'removed', 'lost', 'replaced')),
	state       text        NOT NULL,
	result      text        CONSTRAINT placard_events_result CHECK (result IN ('match', 'other_account', 'not_ours', 'damaged', 'missing')),
	heard_name  text,
	reason      text        NOT NULL DEFAULT '',
	content     bytea       NOT NULL,
	at          timestamptz NOT NULL,
	recorded_by text        NOT NULL,
	recorded_at timestamptz NOT NULL,
	CONSTRAINT placard_events_pk PRIMARY KEY (market_id, id),
	CONSTRAINT placard_events_placard FOREIGN KEY (market_id, placard_id) REFERENCES placards,
	CONSTRAINT placard_events_order UNIQUE (market_id, placard_id, seq),
	CONSTRAINT placard_events_check_has_result CHECK ((kind = 'checked') = (result IS NOT NULL))
);
CREATE INDEX placard_events_by_time ON placard_events (market_id, placard_id, at, seq);
COMMENT ON COLUMN placard_events.state IS 'state of the placard after the event';
COMMENT ON COLUMN placard_events.content IS 'SHA-256 of what was sent: the same id with other content is a conflict';
COMMENT ON COLUMN placard_events.at IS 'when it happened, as the person''s device says; recorded_at is our own clock';

-- ---------------------------------------------------------------- ledgers

CREATE TABLE imports (
	market_id    uuid        NOT NULL CONSTRAINT imports_market REFERENCES markets,
	id           uuid        NOT NULL,
	file         text        NOT NULL,
	state        text        NOT NULL CONSTRAINT imports_state CHECK (state IN ('preview', 'committed', 'undone')),
	ledger       jsonb,
	report       jsonb       NOT NULL,
	attested     text,
	created_by   text        NOT NULL,
	created_at   timestamptz NOT NULL,
	expires_at   timestamptz NOT NULL,
	committed_by text,
	committed_at timestamptz,
	CONSTRAINT imports_pk PRIMARY KEY (market_id, id),
	CONSTRAINT imports_attested CHECK (state = 'preview' OR attested IS NOT NULL)
);
COMMENT ON COLUMN imports.ledger IS 'the rows as read, until the import is committed or its 24 hours are over';

-- ---------------------------------------------------------------- evidence

-- One chain a market, one for the service itself (the zero market). hash = SHA-256(previous hash, seq, body): see vendor_registry/audit.go.
CREATE TABLE audit_heads (
	market_id uuid   CONSTRAINT audit_heads_pk PRIMARY KEY,
	seq       bigint NOT NULL,
	hash      bytea  NOT NULL
);

CREATE TABLE audit_events (
	market_id  uuid        NOT NULL,
	seq        bigint      NOT NULL,
	at         timestamptz NOT NULL,
	actor      text        NOT NULL,
	via        text        NOT NULL,
	action     text        NOT NULL,
	object     text        NOT NULL,
	fields     text[]      NOT NULL,
	request_id text        NOT NULL,
	hash       bytea       NOT NULL,
	CONSTRAINT audit_events_pk PRIMARY KEY (market_id, seq)
);
CREATE INDEX audit_events_by_object ON audit_events (market_id, object, seq);
COMMENT ON COLUMN audit_events.fields IS 'names of what changed, never the values';
