-- What people ask for about their own data, who was erased, and the one way in which rows that are written once lose what names somebody.
--
-- The release before this one works on this schema: it neither reads nor writes what is new, and no table of its own changes its meaning.

-- ---------------------------------------------------------------- requests

CREATE TABLE requests (
	market_id       uuid        NOT NULL CONSTRAINT requests_market REFERENCES markets,
	id              uuid        NOT NULL,
	vendor_id       uuid        NOT NULL,
	account_id      uuid,
	kind            text        NOT NULL CONSTRAINT requests_kind CHECK (kind IN ('see', 'correct', 'delete', 'withdraw')),
	came            text        NOT NULL CONSTRAINT requests_came CHECK (came IN ('stall', 'desk', 'phone', 'letter')),
	note            text        NOT NULL DEFAULT '',
	received_at     timestamptz NOT NULL,
	recorded_by     text        NOT NULL,
	recorded_at     timestamptz NOT NULL,
	acknowledged_by text,
	acknowledged_at timestamptz,
	outcome         text        CONSTRAINT requests_outcome CHECK (outcome IN ('done', 'refused')),
	reason          text        NOT NULL DEFAULT '',
	ended_by        text,
	ended_at        timestamptz,
	CONSTRAINT requests_pk PRIMARY KEY (market_id, id),
	CONSTRAINT requests_vendor FOREIGN KEY (market_id, vendor_id) REFERENCES vendors,
	CONSTRAINT requests_account FOREIGN KEY (market_id, account_id) REFERENCES accounts,
	CONSTRAINT requests_acknowledged CHECK ((acknowledged_by IS NULL) = (acknowledged_at IS NULL)),
	CONSTRAINT requests_ended CHECK (num_nulls(outcome, ended_by, ended_at) IN (0, 3)),
	CONSTRAINT requests_refused_has_reason CHECK (outcome IS DISTINCT FROM 'refused' OR reason <> '')
);
CREATE INDEX requests_open ON requests (market_id, received_at) WHERE ended_at IS NULL;
CREATE INDEX requests_by_vendor ON requests (market_id, vendor_id);
COMMENT ON COLUMN requests.account_id IS 'of a relative who holds an account and asks for what is kept of them; null: the vendor asks';
COMMENT ON COLUMN requests.received_at IS 'when the person asked: its clocks run from then on';
COMMENT ON COLUMN requests.note IS 'in words, such as what is to be corrected; emptied when the person is erased';

-- ---------------------------------------------------------------- erasure

-- Ids only. It is written to a file outside the database too, so that whoever brings an older copy back can erase the same people again.
CREATE TABLE erasures (
	market_id  uuid        NOT NULL CONSTRAINT erasures_market REFERENCES markets,
	id         uuid        NOT NULL,
	vendor_id  uuid        NOT NULL,
	account_id uuid,
	erased_by  text        NOT NULL,
	erased_at  timestamptz NOT NULL,
	CONSTRAINT erasures_pk PRIMARY KEY (market_id, id)
);
CREATE INDEX erasures_by_vendor ON erasures (market_id, vendor_id);
COMMENT ON COLUMN erasures.account_id IS 'set: only this account, which a relative of the vendor holds';

-- Of an account that was erased only that it was there remains: its provider and what was decided when.
ALTER TABLE accounts
	DROP CONSTRAINT accounts_number,
	ADD CONSTRAINT accounts_number CHECK (number ~ '^[A-Za-z0-9]{1,19}$' OR (number = '' AND payload = '' AND symbol = ''::bytea)) NOT VALID;
ALTER TABLE accounts VALIDATE CONSTRAINT accounts_number;
COMMENT ON COLUMN accounts.number IS 'empty: who it belonged to was erased';

-- The service may not change rows that are written once. This function, which is its owner's, changes them in one way only: it empties
-- what names somebody. No value goes into it, so that nothing can be written by it: no account becomes another one, and nothing that
-- is still in force is touched. The hash of an emptied payload is of nothing too, since numbers are few enough to try them all.
--
-- vendors were marked as erased; of accounts beside theirs only these; of naming, rows of others whose words name one of them.
CREATE FUNCTION erase_written(market uuid, erased uuid[], alone uuid[], naming uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
	gone uuid[] := ARRAY(SELECT a.id FROM accounts a WHERE a.market_id = market AND (a.vendor_id = ANY (erased) OR a.id = ANY (alone)));
	cards uuid[] := ARRAY(SELECT p.id FROM placards p WHERE p.market_id = market AND (p.vendor_id = ANY (erased) OR p.account_id = ANY (gone)));
	nothing CONSTANT bytea := decode(repeat('00', 32), 'hex');
BEGIN
	IF EXISTS (SELECT FROM unnest(erased) e (id) LEFT JOIN vendors v ON v.market_id = market AND v.id = e.id WHERE v.erased_at IS NULL)
	   OR EXISTS (SELECT FROM placards p WHERE p.market_id = market AND p.id = ANY (cards) AND p.state NOT IN ('replaced', 'lost', 'void'))
	   OR EXISTS (SELECT FROM accounts a WHERE a.market_id = market AND a.id = ANY (gone) AND NOT EXISTS (
	              SELECT FROM account_decisions d WHERE d.market_id = market AND d.account_id = a.id AND d.decision <> 'approved'))
	   OR EXISTS (SELECT FROM default_proposals p WHERE p.market_id = market AND (p.account_id = ANY (gone) OR p.instead_of = ANY (gone)) AND NOT EXISTS (
	              SELECT FROM default_decisions d WHERE d.market_id = market AND d.proposal_id = p.id)) THEN
		RAISE EXCEPTION 'what is to be erased is still in force' USING ERRCODE = 'check_violation', CONSTRAINT = 'erased_is_over';
	END IF;
	-- One statement each, since the pairs of hash and people are held together by keys.
	WITH a AS (
		UPDATE accounts SET number = '', holder = '', holder_given = false, payload = '', payload_sha256 = nothing, symbol = '', reason = ''
		WHERE market_id = market AND id = ANY (gone))
	UPDATE account_decisions SET payload_sha256 = nothing, reason = '' WHERE market_id = market AND account_id = ANY (gone);
	WITH p AS (
		UPDATE default_proposals SET payload_sha256 = nothing, reason = '' WHERE market_id = market AND account_id = ANY (gone))
	UPDATE default_decisions SET payload_sha256 = nothing, reason = '' WHERE market_id = market AND proposal_id IN (
		SELECT p.id FROM default_proposals p WHERE p.market_id = market AND p.account_id = ANY (gone));
	UPDATE account_verifications SET heard_name = CASE WHEN heard_name IS NOT NULL THEN '' END, how = ''
	WHERE market_id = market AND (account_id = ANY (gone) OR id = ANY (naming));
	UPDATE placard_events SET heard_name = CASE WHEN heard_name IS NOT NULL THEN '' END, reason = '', content = ''
	WHERE market_id = market AND (placard_id = ANY (cards) OR id = ANY (naming));
	UPDATE accounts SET reason = '' WHERE market_id = market AND id = ANY (naming);
	UPDATE account_decisions SET reason = '' WHERE market_id = market AND id = ANY (naming);
	UPDATE default_proposals SET reason = '' WHERE market_id = market AND id = ANY (naming);
	UPDATE default_decisions SET reason = '' WHERE market_id = market AND id = ANY (naming);
END $$;
REVOKE ALL ON FUNCTION erase_written(uuid, uuid[], uuid[], uuid[]) FROM PUBLIC;

ALTER TABLE idempotency ADD COLUMN market text NOT NULL DEFAULT '';
COMMENT ON COLUMN idempotency.market IS 'code of the market that the request was about, so that an erasure there finds the answer; empty: none, or from before the column';

-- ---------------------------------------------------------------- what is handed to the person, and what becomes a count

ALTER TABLE disclosures DROP CONSTRAINT disclosures_kind, DROP CONSTRAINT disclosures_format;
ALTER TABLE disclosures
	ADD CONSTRAINT disclosures_kind CHECK (kind IN
		('stalls', 'vendors', 'accounts', 'placards', 'without-account', 'customers', 'phone', 'account', 'copy')) NOT VALID,
	ADD CONSTRAINT disclosures_format CHECK (format IN ('csv', 'xlsx', 'screen', 'json')) NOT VALID;
ALTER TABLE disclosures VALIDATE CONSTRAINT disclosures_kind;
ALTER TABLE disclosures VALIDATE CONSTRAINT disclosures_format;
COMMENT ON COLUMN disclosures.kind IS 'the list that was taken out; phone, account: one number that was shown in full; copy: all that is kept of a vendor, for themselves';

CREATE TABLE visit_counts (
	market_id uuid    NOT NULL CONSTRAINT visit_counts_market REFERENCES markets,
	month     date    NOT NULL CONSTRAINT visit_counts_month CHECK (extract(day FROM month) = 1),
	outcome   text    NOT NULL,
	barrier   text    NOT NULL,
	visits    integer NOT NULL,
	CONSTRAINT visit_counts_pk PRIMARY KEY (market_id, month, outcome, barrier)
);
COMMENT ON TABLE visit_counts IS 'visits that are so old that nobody need know any more whom they were to';
COMMENT ON COLUMN visit_counts.month IS 'its first day, in the market''s own calendar';
COMMENT ON COLUMN visit_counts.barrier IS 'the main reason; empty: none, or not asked';
