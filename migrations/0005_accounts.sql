-- What is known of an account and how surely, the change of a vendor's default, what a change leaves to be done and to be told.
--
-- The release before this one works on this schema: every new column has a default, and no table of its own changes its meaning.

-- ---------------------------------------------------------------- accounts

ALTER TABLE accounts
	ADD COLUMN account_kind text NOT NULL DEFAULT 'personal',
	ADD COLUMN reason       text NOT NULL DEFAULT '',
	ADD COLUMN amends       uuid,
	ADD CONSTRAINT accounts_kind CHECK (account_kind IN ('personal', 'merchant')) NOT VALID,
	ADD CONSTRAINT accounts_amends FOREIGN KEY (market_id, vendor_id, amends) REFERENCES accounts (market_id, vendor_id, id) NOT VALID;
ALTER TABLE accounts VALIDATE CONSTRAINT accounts_kind;
ALTER TABLE accounts VALIDATE CONSTRAINT accounts_amends;
CREATE INDEX accounts_by_vendor ON accounts (market_id, vendor_id);
COMMENT ON COLUMN accounts.account_kind IS 'merchant: under a contract with the provider; personal: any other';
COMMENT ON COLUMN accounts.reason IS 'why, in the words of who brought it in: wanted when another vendor of the market has the same account';
COMMENT ON COLUMN accounts.amends IS 'the proposal that was withdrawn for this one; who touched that one touched this one';

-- A vendor's default is an account of theirs, by a key from before, and one with an approval, by this one: an approval by who touched
-- the proposal cannot be stored, so no statement can point money where one person alone wants it.
ALTER TABLE account_decisions
	ADD COLUMN approved_account uuid GENERATED ALWAYS AS (CASE WHEN decision = 'approved' THEN account_id END) STORED,
	ADD CONSTRAINT account_decisions_approved_once UNIQUE (market_id, approved_account);
ALTER TABLE vendors ADD CONSTRAINT vendors_default_approved
	FOREIGN KEY (market_id, default_account) REFERENCES account_decisions (market_id, approved_account) NOT VALID;
ALTER TABLE vendors VALIDATE CONSTRAINT vendors_default_approved;

-- Written once. The first step of an account, declared or scanned, is its own row; what was seen or heard of it later is here.
CREATE TABLE account_verifications (
	market_id   uuid        NOT NULL,
	id          uuid        NOT NULL,
	account_id  uuid        NOT NULL,
	step        text        NOT NULL
	            CONSTRAINT account_verifications_step CHECK (step IN ('scanned', 'name_heard', 'test_payment', 'provider_confirmed')),
	heard_name  text        CONSTRAINT account_verifications_heard CHECK (heard_name IS NOT NULL OR step <> 'name_heard'),
	matches     boolean     NOT NULL,
	how         text        NOT NULL,
	placard_id  uuid,
	at          timestamptz NOT NULL,
	expires_at  timestamptz,
	recorded_by text        NOT NULL CONSTRAINT account_verifications_who CHECK (recorded_by ~ '^(person|key):'),
	recorded_at timestamptz NOT NULL,
	CONSTRAINT account_verifications_pk PRIMARY KEY (market_id, id),
	CONSTRAINT account_verifications_account FOREIGN KEY (market_id, account_id) REFERENCES accounts,
	CONSTRAINT account_verifications_placard FOREIGN KEY (market_id, placard_id) REFERENCES placards,
	CONSTRAINT account_verifications_confirmed_by_key CHECK (step <> 'provider_confirmed' OR recorded_by ~ '^key:')
);
CREATE INDEX account_verifications_by_account ON account_verifications (market_id, account_id, recorded_at);
COMMENT ON COLUMN account_verifications.matches IS 'the name heard is the holder''s, without accents and case; true where none was heard';
COMMENT ON COLUMN account_verifications.how IS 'in words, or the kind of the placard''s event that brought it';
COMMENT ON COLUMN account_verifications.expires_at IS 'from then on it proves nothing any more; null: for good';

-- ---------------------------------------------------------------- the vendor's default

-- A proposal that another approved account be the one that a vendor's placards pay. Written once, as accounts are.
CREATE TABLE default_proposals (
	market_id      uuid        NOT NULL,
	id             uuid        NOT NULL,
	vendor_id      uuid        NOT NULL,
	account_id     uuid        NOT NULL,
	instead_of     uuid        NOT NULL,
	payload_sha256 bytea       NOT NULL,
	reason         text        NOT NULL DEFAULT '',
	touched_by     text[]      NOT NULL CONSTRAINT default_proposals_touched CHECK (cardinality(touched_by) > 0),
	proposed_by    text        NOT NULL,
	proposed_at    timestamptz NOT NULL,
	CONSTRAINT default_proposals_pk PRIMARY KEY (market_id, id),
	CONSTRAINT default_proposals_as_decided UNIQUE (market_id, id, payload_sha256, touched_by),
	CONSTRAINT default_proposals_account FOREIGN KEY (market_id, vendor_id, account_id) REFERENCES accounts (market_id, vendor_id, id),
	CONSTRAINT default_proposals_instead FOREIGN KEY (market_id, vendor_id, instead_of) REFERENCES accounts (market_id, vendor_id, id),
	CONSTRAINT default_proposals_change CHECK (account_id <> instead_of),
	CONSTRAINT default_proposals_proposer_touched CHECK (proposed_by = ANY (touched_by))
);
CREATE INDEX default_proposals_by_vendor ON default_proposals (market_id, vendor_id);
COMMENT ON COLUMN default_proposals.touched_by IS 'who proposed it and who brought in the account: none of them may approve it';

CREATE TABLE default_decisions (
	market_id      uuid        NOT NULL,
	id             uuid        NOT NULL,
	proposal_id    uuid        NOT NULL,
	decision       text        NOT NULL
	               CONSTRAINT default_decisions_word CHECK (decision IN ('approved', 'rejected', 'withdrawn', 'expired')),
	reason         text        NOT NULL DEFAULT '',
	via            text        NOT NULL CONSTRAINT default_decisions_via CHECK (via IN ('web', 'api', 'console', 'system')),
	decided_by     text        NOT NULL,
	decided_at     timestamptz NOT NULL,
	payload_sha256 bytea       NOT NULL,
	touched_by     text[]      NOT NULL,
	CONSTRAINT default_decisions_pk PRIMARY KEY (market_id, id),
	CONSTRAINT default_decisions_proposal FOREIGN KEY (market_id, proposal_id, payload_sha256, touched_by)
		REFERENCES default_proposals (market_id, id, payload_sha256, touched_by),
	CONSTRAINT default_decisions_second_person CHECK (decision <> 'approved' OR decided_by <> ALL (touched_by))
);
CREATE UNIQUE INDEX default_decisions_once ON default_decisions (market_id, proposal_id);

-- ---------------------------------------------------------------- what a change leaves to be done, and to be told

CREATE TABLE tasks (
	market_id  uuid        NOT NULL,
	id         uuid        NOT NULL,
	kind       text        NOT NULL CONSTRAINT tasks_kind CHECK (kind IN ('print_replacement', 'hang_replacement', 'take_down')),
	stall_id   uuid        NOT NULL,
	vendor_id  uuid        NOT NULL,
	account_id uuid        NOT NULL,
	placard_id uuid,
	serial     text,
	priority   text        NOT NULL CONSTRAINT tasks_priority CHECK (priority IN ('high', 'normal')),
	due        date        NOT NULL,
	state      text        NOT NULL CONSTRAINT tasks_state CHECK (state IN ('open', 'done', 'void')),
	reason     text        NOT NULL,
	made_by    text        NOT NULL,
	made_at    timestamptz NOT NULL,
	ended_by   text,
	ended_at   timestamptz,
	CONSTRAINT tasks_pk PRIMARY KEY (market_id, id),
	CONSTRAINT tasks_stall FOREIGN KEY (market_id, stall_id) REFERENCES stalls,
	CONSTRAINT tasks_account FOREIGN KEY (market_id, vendor_id, account_id) REFERENCES accounts (market_id, vendor_id, id),
	CONSTRAINT tasks_placard FOREIGN KEY (market_id, placard_id) REFERENCES placards,
	CONSTRAINT tasks_ended CHECK ((state = 'open') = (ended_at IS NULL)),
	CONSTRAINT tasks_take_down_names_it CHECK (kind <> 'take_down' OR placard_id IS NOT NULL)
);
CREATE UNIQUE INDEX tasks_once ON tasks (market_id, stall_id, account_id, kind) WHERE state = 'open' AND kind <> 'take_down';
CREATE UNIQUE INDEX tasks_one_take_down ON tasks (market_id, placard_id) WHERE state = 'open' AND kind = 'take_down';
CREATE INDEX tasks_to_do ON tasks (market_id, due) WHERE state = 'open';
CREATE INDEX tasks_by_stall ON tasks (market_id, stall_id);
COMMENT ON COLUMN tasks.account_id IS 'that the new placard pays; of take_down: that the old one pays';
COMMENT ON COLUMN tasks.placard_id IS 'to take down; of a replacement: the new one, once it is issued';
COMMENT ON COLUMN tasks.due IS 'market day by which it should be done';

-- What a vendor is to be told. It names records; the words are made when it is read.
CREATE TABLE notices (
	market_id      uuid        NOT NULL,
	id             uuid        NOT NULL,
	vendor_id      uuid        NOT NULL,
	kind           text        NOT NULL CONSTRAINT notices_kind CHECK (kind IN ('account_changed', 'default_changed')),
	channel        text        NOT NULL CONSTRAINT notices_channel CHECK (channel IN ('slip', 'sms', 'zalo')),
	account_id     uuid        NOT NULL,
	old_account_id uuid        NOT NULL,
	state          text        NOT NULL CONSTRAINT notices_state CHECK (state IN ('queued', 'delivered')),
	made_at        timestamptz NOT NULL,
	delivered_by   text,
	delivered_at   timestamptz,
	CONSTRAINT notices_pk PRIMARY KEY (market_id, id),
	CONSTRAINT notices_account FOREIGN KEY (market_id, vendor_id, account_id) REFERENCES accounts (market_id, vendor_id, id),
	CONSTRAINT notices_old_account FOREIGN KEY (market_id, vendor_id, old_account_id) REFERENCES accounts (market_id, vendor_id, id),
	CONSTRAINT notices_delivered CHECK ((state = 'delivered') = (delivered_at IS NOT NULL))
);
CREATE INDEX notices_queued ON notices (market_id, made_at) WHERE state = 'queued';
CREATE INDEX notices_by_vendor ON notices (market_id, vendor_id);
COMMENT ON COLUMN notices.channel IS 'slip: carried to the stall by the next visit; nothing is sent over sms or zalo unless somebody sets it up';
