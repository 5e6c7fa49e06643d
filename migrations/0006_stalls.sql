-- How a stall is traded at and who holds it over time, vendors entered twice, what a stall sells, and accounts that a relative holds.
--
-- The release before this one works on this schema: every new column has a default that means what was there before.

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- ---------------------------------------------------------------- who holds a stall

ALTER TABLE occupancies
	ADD COLUMN began_by    text NOT NULL DEFAULT '',
	ADD COLUMN began_at    timestamptz,
	ADD COLUMN end_kind    text NOT NULL DEFAULT '',
	ADD COLUMN end_reason  text NOT NULL DEFAULT '',
	ADD COLUMN end_stall   uuid,
	ADD COLUMN ended_by    text NOT NULL DEFAULT '',
	ADD COLUMN ended_at    timestamptz,
	ADD CONSTRAINT occupancies_end_kind CHECK (end_kind IN ('', 'handed_over', 'left', 'moved')) NOT VALID,
	ADD CONSTRAINT occupancies_end_when CHECK (end_kind = '' OR ended IS NOT NULL) NOT VALID,
	ADD CONSTRAINT occupancies_end_stall_moved CHECK ((end_kind = 'moved') = (end_stall IS NOT NULL)) NOT VALID,
	ADD CONSTRAINT occupancies_end_stall FOREIGN KEY (market_id, end_stall) REFERENCES stalls NOT VALID,
	ADD CONSTRAINT occupancies_one_at_a_time EXCLUDE USING gist (market_id WITH =, stall_id WITH =, daterange(began, ended) WITH &&);
ALTER TABLE occupancies VALIDATE CONSTRAINT occupancies_end_kind;
ALTER TABLE occupancies VALIDATE CONSTRAINT occupancies_end_when;
ALTER TABLE occupancies VALIDATE CONSTRAINT occupancies_end_stall_moved;
ALTER TABLE occupancies VALIDATE CONSTRAINT occupancies_end_stall;
COMMENT ON COLUMN occupancies.began_at IS 'when it was recorded; null: with the stall, or before the column';
COMMENT ON COLUMN occupancies.end_kind IS 'handed_over to another vendor, left without one, moved to end_stall; empty while it lasts, and where the import was undone';

-- How the vendor trades there, from a day on: the last row that began holds. None yet: trading.
CREATE TABLE occupancy_statuses (
	market_id    uuid        NOT NULL,
	id           uuid        NOT NULL,
	occupancy_id uuid        NOT NULL,
	seq          integer     NOT NULL,
	status       text        NOT NULL CONSTRAINT occupancy_statuses_word CHECK (status IN ('trading', 'seasonal', 'closed')),
	began        date        NOT NULL,
	season_from  smallint    CONSTRAINT occupancy_statuses_season_from CHECK (season_from BETWEEN 1 AND 12),
	season_to    smallint    CONSTRAINT occupancy_statuses_season_to CHECK (season_to BETWEEN 1 AND 12),
	reason       text        NOT NULL DEFAULT '',
	recorded_by  text        NOT NULL,
	recorded_at  timestamptz NOT NULL,
	CONSTRAINT occupancy_statuses_pk PRIMARY KEY (market_id, id),
	CONSTRAINT occupancy_statuses_order UNIQUE (market_id, occupancy_id, seq),
	CONSTRAINT occupancy_statuses_occupancy FOREIGN KEY (market_id, occupancy_id) REFERENCES occupancies,
	CONSTRAINT occupancy_statuses_season CHECK ((status = 'seasonal') = (season_from IS NOT NULL) AND (season_from IS NULL) = (season_to IS NULL))
);
COMMENT ON COLUMN occupancy_statuses.began IS 'first day; never before that of the row with the lower seq';
COMMENT ON COLUMN occupancy_statuses.season_from IS 'first month of the season, 1–12; the season may run over New Year';

-- ---------------------------------------------------------------- vendors

ALTER TABLE vendors
	ADD COLUMN version        integer NOT NULL DEFAULT 1,
	ADD COLUMN kind           text    NOT NULL DEFAULT 'household',
	ADD COLUMN sim_registered text    NOT NULL DEFAULT 'unknown',
	ADD CONSTRAINT vendors_kind CHECK (kind IN ('household', 'grower', 'other')) NOT VALID,
	ADD CONSTRAINT vendors_sim_registered CHECK (sim_registered IN ('yes', 'no', 'unknown')) NOT VALID;
ALTER TABLE vendors VALIDATE CONSTRAINT vendors_kind;
ALTER TABLE vendors VALIDATE CONSTRAINT vendors_sim_registered;
COMMENT ON COLUMN vendors.kind IS 'household business, grower who sells the own harvest, other';
COMMENT ON COLUMN vendors.sim_registered IS 'whether the SIM is registered to the vendor: mobile money needs it';

-- One person entered twice. The occupancies and consents are the surviving vendor's from then on; accounts and placards keep the
-- vendor they were written for, and both ids keep working.
CREATE TABLE vendor_merges (
	market_id uuid        NOT NULL,
	vendor_id uuid        NOT NULL,
	into_id   uuid        NOT NULL,
	reason    text        NOT NULL DEFAULT '',
	merged_by text        NOT NULL,
	merged_at timestamptz NOT NULL,
	CONSTRAINT vendor_merges_pk PRIMARY KEY (market_id, vendor_id),
	CONSTRAINT vendor_merges_vendor FOREIGN KEY (market_id, vendor_id) REFERENCES vendors,
	CONSTRAINT vendor_merges_into FOREIGN KEY (market_id, into_id) REFERENCES vendors,
	CONSTRAINT vendor_merges_other CHECK (vendor_id <> into_id)
);
CREATE INDEX vendor_merges_by_into ON vendor_merges (market_id, into_id);
COMMENT ON COLUMN vendor_merges.into_id IS 'the surviving vendor of today: it was merged into no other';

-- ---------------------------------------------------------------- what a stall sells

ALTER TABLE stalls ADD COLUMN category text NOT NULL DEFAULT '';
COMMENT ON COLUMN stalls.category IS 'of vendor_registry/goods.csv, set by hand; empty: told from the words of goods';

-- ---------------------------------------------------------------- accounts that somebody else holds

CREATE TABLE account_holders (
	market_id       uuid        NOT NULL,
	account_id      uuid        NOT NULL,
	relation        text        NOT NULL CONSTRAINT account_holders_relation CHECK (relation IN ('spouse', 'child', 'parent', 'sibling', 'other')),
	recorded_by     text        NOT NULL,
	recorded_at     timestamptz NOT NULL,
	consent_wording text,
	consent_given   text,
	consent_by      text,
	consent_at      timestamptz,
	CONSTRAINT account_holders_pk PRIMARY KEY (market_id, account_id),
	CONSTRAINT account_holders_account FOREIGN KEY (market_id, account_id) REFERENCES accounts,
	CONSTRAINT account_holders_consent CHECK (num_nulls(consent_wording, consent_given, consent_by, consent_at) IN (0, 4))
);
COMMENT ON TABLE account_holders IS 'accounts that are a relative''s; one without a row is the vendor''s own';
COMMENT ON COLUMN account_holders.consent_at IS 'when the holder agreed; null: not yet, and no placard of the account may hang';

