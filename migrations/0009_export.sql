-- What leaves the record: files that were taken out, numbers that were shown in full, and the vendors' word on who else may see them.
--
-- The release before this one works on this schema: it neither reads nor writes what is new. A consent to sharing is of a kind of
-- its own, so that nobody takes it for the consent without which no account is kept.

ALTER TABLE consents
	ADD COLUMN provider text NOT NULL DEFAULT '',
	DROP CONSTRAINT consents_kind;
ALTER TABLE consents
	ADD CONSTRAINT consents_kind CHECK (kind IN ('vendor', 'attested_by_board', 'withdrawal', 'sharing', 'sharing_withdrawal')) NOT VALID,
	ADD CONSTRAINT consents_sharing CHECK ((provider <> '') = (kind LIKE 'sharing%') AND (provider <> '') = (purpose = 'share_with_provider')) NOT VALID;
ALTER TABLE consents VALIDATE CONSTRAINT consents_kind;
ALTER TABLE consents VALIDATE CONSTRAINT consents_sharing;
CREATE INDEX consents_sharing_with ON consents (market_id, provider, vendor_id) WHERE kind = 'sharing';
COMMENT ON COLUMN consents.provider IS 'of a consent to sharing: the wallet or bank that may know of the vendor, viettel_money; empty on every other';

-- Written once, before the first byte leaves.
CREATE TABLE disclosures (
	market_id uuid        NOT NULL CONSTRAINT disclosures_market REFERENCES markets,
	id        uuid        NOT NULL,
	kind      text        NOT NULL CONSTRAINT disclosures_kind
	          CHECK (kind IN ('stalls', 'vendors', 'accounts', 'placards', 'without-account', 'customers', 'phone', 'account')),
	format    text        NOT NULL CONSTRAINT disclosures_format CHECK (format IN ('csv', 'xlsx', 'screen')),
	provider  text        NOT NULL DEFAULT '',
	subject   uuid,
	lines     integer     NOT NULL,
	whole     boolean     NOT NULL,
	reason    text        NOT NULL DEFAULT '',
	given_to  text        NOT NULL,
	given_at  timestamptz NOT NULL,
	CONSTRAINT disclosures_pk PRIMARY KEY (market_id, id),
	CONSTRAINT disclosures_whole_has_reason CHECK (NOT whole OR reason <> '')
);
COMMENT ON COLUMN disclosures.kind IS 'the list that was taken out; phone, account: one number that was shown in full';
COMMENT ON COLUMN disclosures.provider IS 'of customers: whose they are';
COMMENT ON COLUMN disclosures.subject IS 'of one number: the vendor or the account';
COMMENT ON COLUMN disclosures.whole IS 'phones and account numbers in full; else masked';
COMMENT ON COLUMN disclosures.reason IS 'why they were wanted in full, in the person''s own words; it may name people, so it is no part of the audit chain';
