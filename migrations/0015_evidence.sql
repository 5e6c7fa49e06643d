-- In which role somebody acted, and what the record of what happened commits to.
--
-- The release before this one works on this schema: its events name no role and commit to nothing, and are told from others by that.

ALTER TABLE audit_events
	ADD COLUMN role   text   NOT NULL DEFAULT '',
	ADD COLUMN sealed text[];
COMMENT ON COLUMN audit_events.role IS 'clerk, or clerk+volunteer for who has both there; empty for the console and the service itself';
COMMENT ON COLUMN audit_events.sealed IS 'rows that the event commits to, each as table, a blank, the row''s id, a blank, SHA-256 in hex; null: from before there were such';

-- A commitment tells nothing of its row without the salt. When a person is forgotten, the salt goes with the row, and the chain still verifies.
CREATE TABLE audit_salts (
	market_id uuid  NOT NULL CONSTRAINT audit_salts_market REFERENCES markets,
	object    uuid  NOT NULL,
	label     text  NOT NULL,
	which     uuid  NOT NULL,
	salt      bytea NOT NULL CONSTRAINT audit_salts_salt CHECK (length(salt) = 16),
	CONSTRAINT audit_salts_pk PRIMARY KEY (market_id, object, label, which)
);
COMMENT ON COLUMN audit_salts.object IS 'whose events commit to the row: of an account, a placard, a proposal for a default, a vendor';
COMMENT ON COLUMN audit_salts.label IS 'the row''s table, accounts; with a dot where a part of a row is written later than the rest, placards.account';
COMMENT ON COLUMN audit_salts.which IS 'the row''s id';

-- What one person or key did, newest first.
CREATE INDEX audit_events_by_actor ON audit_events (market_id, actor, seq);
