-- What partners get: figures of others that tell of nobody, a feed of stages, and webhooks that carry it to them.
--
-- The feed and its deliveries are a queue of the whole service: ordinary tables that name facts by value. The release before this one does
-- not know any of them; what it writes is found by the feed at the next look.

-- ---------------------------------------------------------------- figures of others

CREATE TABLE rounding_keys (
	one boolean CONSTRAINT rounding_keys_pk PRIMARY KEY DEFAULT true CONSTRAINT rounding_keys_one CHECK (one),
	key bytea   NOT NULL CONSTRAINT rounding_keys_key CHECK (octet_length(key) = 32)
);
INSERT INTO rounding_keys (key) SELECT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));
COMMENT ON TABLE rounding_keys IS 'from which it follows where each figure about others is rounded; a new key would be a second rounding of the same figures';

-- ---------------------------------------------------------------- the feed

CREATE TABLE account_stages (
	market_id  uuid        NOT NULL,
	account_id uuid        NOT NULL,
	provider   text        NOT NULL,
	stage      text        NOT NULL CONSTRAINT account_stages_stage CHECK (stage IN ('account', 'approved', 'printed', 'installed', 'checked')),
	suspended  boolean     NOT NULL,
	shared     boolean     NOT NULL,
	CONSTRAINT account_stages_pk PRIMARY KEY (market_id, account_id)
);
COMMENT ON TABLE account_stages IS 'what the feed said last of each account that is not over';
COMMENT ON COLUMN account_stages.stage IS 'by the placards of this account alone';
COMMENT ON COLUMN account_stages.shared IS 'its vendor agreed that the provider may know';

CREATE TABLE stage_changes (
	n             bigint      CONSTRAINT stage_changes_pk PRIMARY KEY,
	market_id     uuid        NOT NULL,
	account_id    uuid        NOT NULL,
	provider      text        NOT NULL,
	stage         text,
	suspended     boolean     NOT NULL,
	was           text,
	was_suspended boolean     NOT NULL,
	shared        boolean     NOT NULL,
	was_shared    boolean     NOT NULL,
	noticed_at    timestamptz NOT NULL
);
CREATE INDEX stage_changes_of_market ON stage_changes (market_id, n);
CREATE INDEX stage_changes_of_account ON stage_changes (market_id, account_id, n);
CREATE INDEX stage_changes_of_provider ON stage_changes (provider, n) WHERE shared OR was_shared;
COMMENT ON COLUMN stage_changes.n IS 'given one after the other under a lock that is held until the commit: what comes later has a higher one';
COMMENT ON COLUMN stage_changes.stage IS 'null: the account is over, or its vendor holds no stall any more';

CREATE TABLE feed_heads (
	market_id uuid   CONSTRAINT feed_heads_pk PRIMARY KEY,
	seq       bigint NOT NULL
);
COMMENT ON TABLE feed_heads IS 'how far the feed followed each market''s audit chain, whose numbers are in the order of commits';

-- ---------------------------------------------------------------- webhooks

CREATE TABLE webhooks (
	id            uuid        CONSTRAINT webhooks_pk PRIMARY KEY,
	provider      text        NOT NULL,
	url           text        NOT NULL CONSTRAINT webhooks_url CHECK (url <> ''),
	secret        text        NOT NULL,
	made_by       text        NOT NULL,
	made_at       timestamptz NOT NULL,
	approved_by   text        CONSTRAINT webhooks_two_people CHECK (approved_by <> made_by),
	approved_at   timestamptz,
	cursor        bigint      NOT NULL DEFAULT 0,
	failing_since timestamptz,
	off_at        timestamptz,
	off_by        text,
	CONSTRAINT webhooks_approved CHECK ((approved_by IS NULL) = (approved_at IS NULL))
);
COMMENT ON COLUMN webhooks.secret IS 'with which deliveries are signed; empty once it is switched off';
COMMENT ON COLUMN webhooks.cursor IS 'how far of the feed it was told';
COMMENT ON COLUMN webhooks.off_by IS 'a person, or system: it failed for too long';

CREATE TABLE webhook_deliveries (
	id         uuid        CONSTRAINT webhook_deliveries_pk PRIMARY KEY,
	webhook_id uuid        NOT NULL CONSTRAINT webhook_deliveries_webhook REFERENCES webhooks,
	replay     boolean     NOT NULL,
	after      bigint      NOT NULL,
	upto       bigint      NOT NULL CONSTRAINT webhook_deliveries_range CHECK (upto > after),
	made_at    timestamptz NOT NULL,
	tries      integer     NOT NULL DEFAULT 0,
	next_at    timestamptz,
	tried_at   timestamptz,
	status     integer,
	error      text,
	done_at    timestamptz,
	CONSTRAINT webhook_deliveries_open CHECK (done_at IS NULL OR next_at IS NULL)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, after) WHERE next_at IS NOT NULL;
CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (webhook_id, id);
COMMENT ON COLUMN webhook_deliveries.after IS 'the changes behind this number';
COMMENT ON COLUMN webhook_deliveries.next_at IS 'when to try; null: delivered, or given up';
COMMENT ON COLUMN webhook_deliveries.status IS 'of the last answer; null: there was none';
