-- What a wallet or bank says of an account that does not exist there any more, or takes no money. Written once; a later confirmation
-- (account_verifications, provider_confirmed) takes it back.
--
-- The release before this one works on this schema: to it, the account stands where it stood before.

CREATE TABLE account_closures (
	market_id   uuid        NOT NULL,
	id          uuid        NOT NULL,
	account_id  uuid        NOT NULL,
	recorded_by text        NOT NULL CONSTRAINT account_closures_by_key CHECK (recorded_by ~ '^key:'),
	recorded_at timestamptz NOT NULL,
	CONSTRAINT account_closures_pk PRIMARY KEY (market_id, id),
	CONSTRAINT account_closures_account FOREIGN KEY (market_id, account_id) REFERENCES accounts
);
CREATE INDEX account_closures_by_account ON account_closures (market_id, account_id, recorded_at);
COMMENT ON TABLE account_closures IS 'the provider''s word alone: what hangs at the stall is stopped by a person';
