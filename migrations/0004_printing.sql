-- How a batch is printed and why, what a market saves for its printing, stands that a wallet or bank gave, and what is heard at the stall.
--
-- The release before this one works on this schema: every new column has a default that means what was there before.

-- ---------------------------------------------------------------- the stall and its people

ALTER TABLE vendors ADD COLUMN erased_at timestamptz;
COMMENT ON COLUMN vendors.erased_at IS 'when the person was forgotten: sheets that name them are not drawn again';

ALTER TABLE stalls
	ADD COLUMN placard_languages text    NOT NULL DEFAULT '',
	ADD COLUMN show_number       boolean NOT NULL DEFAULT false,
	ADD CONSTRAINT stalls_placard_languages CHECK (placard_languages ~ '^([a-z]{2}(\+[a-z]{2})?)?$') NOT VALID;
ALTER TABLE stalls VALIDATE CONSTRAINT stalls_placard_languages;
COMMENT ON COLUMN stalls.placard_languages IS 'what the card says beside the names, first language first: vi+km; empty: the design''s own';
COMMENT ON COLUMN stalls.show_number IS 'the vendor asked for the whole account number on the card';

-- ---------------------------------------------------------------- what a market saves for its printing

CREATE TABLE printers (
	market_id    uuid         NOT NULL CONSTRAINT printers_market REFERENCES markets,
	name         text         NOT NULL,
	offset_right numeric(4,2) NOT NULL CONSTRAINT printers_right CHECK (offset_right BETWEEN -10 AND 10),
	offset_down  numeric(4,2) NOT NULL CONSTRAINT printers_down CHECK (offset_down BETWEEN -10 AND 10),
	saved_by     text         NOT NULL,
	saved_at     timestamptz  NOT NULL,
	CONSTRAINT printers_pk PRIMARY KEY (market_id, name)
);
COMMENT ON COLUMN printers.offset_right IS 'millimetres by which this printer must be told to print further right; a batch copies it';

-- Written once: saving a name again makes its next version, and batches of the one before keep theirs.
CREATE TABLE sheets (
	market_id uuid        NOT NULL CONSTRAINT sheets_market REFERENCES markets,
	id        uuid        NOT NULL,
	name      text        NOT NULL CONSTRAINT sheets_name CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,19}$'),
	version   integer     NOT NULL,
	measures  jsonb       NOT NULL,
	saved_by  text        NOT NULL,
	saved_at  timestamptz NOT NULL,
	CONSTRAINT sheets_pk PRIMARY KEY (market_id, id),
	CONSTRAINT sheets_versions UNIQUE (market_id, name, version)
);
COMMENT ON COLUMN sheets.measures IS 'of a sheet of stickers, as package printing reads them';

-- Written once, as sheets are.
CREATE TABLE designs (
	market_id uuid        NOT NULL CONSTRAINT designs_market REFERENCES markets,
	id        uuid        NOT NULL,
	name      text        NOT NULL,
	version   integer     NOT NULL,
	colour    text        NOT NULL CONSTRAINT designs_colour CHECK (colour ~ '^#[0-9a-f]{6}$'),
	tint      text        NOT NULL CONSTRAINT designs_tint CHECK (tint ~ '^#[0-9a-f]{6}$'),
	board     text        NOT NULL,
	logo      bytea       CONSTRAINT designs_logo CHECK (length(logo) BETWEEN 1 AND 262144),
	saved_by  text        NOT NULL,
	saved_at  timestamptz NOT NULL,
	CONSTRAINT designs_pk PRIMARY KEY (market_id, id),
	CONSTRAINT designs_versions UNIQUE (market_id, name, version)
);
COMMENT ON COLUMN designs.board IS 'name of the board as its card says it';
COMMENT ON COLUMN designs.logo IS 'a PNG';

-- ---------------------------------------------------------------- batches

ALTER TABLE print_batches
	ADD COLUMN copies       integer      NOT NULL DEFAULT 1,
	ADD COLUMN cut_marks    boolean      NOT NULL DEFAULT true,
	ADD COLUMN offset_right numeric(4,2) NOT NULL DEFAULT 0,
	ADD COLUMN offset_down  numeric(4,2) NOT NULL DEFAULT 0,
	ADD COLUMN back         boolean      NOT NULL DEFAULT false,
	ADD COLUMN helper       text         NOT NULL DEFAULT '',
	ADD COLUMN reason       text         NOT NULL DEFAULT '',
	ADD COLUMN design_id    uuid,
	ADD COLUMN measures     jsonb,
	ADD COLUMN warnings     jsonb        NOT NULL DEFAULT '[]',
	ADD CONSTRAINT print_batches_copies CHECK (copies BETWEEN 1 AND 9) NOT VALID,
	ADD CONSTRAINT print_batches_offset CHECK (offset_right BETWEEN -10 AND 10 AND offset_down BETWEEN -10 AND 10) NOT VALID,
	ADD CONSTRAINT print_batches_design FOREIGN KEY (market_id, design_id) REFERENCES designs NOT VALID;
ALTER TABLE print_batches VALIDATE CONSTRAINT print_batches_copies;
ALTER TABLE print_batches VALIDATE CONSTRAINT print_batches_offset;
ALTER TABLE print_batches VALIDATE CONSTRAINT print_batches_design;
COMMENT ON COLUMN print_batches.helper IS 'name of the person who made it, as the cards'' backs say it';
COMMENT ON COLUMN print_batches.reason IS 'why it was printed; a reprint has one';
COMMENT ON COLUMN print_batches.design_id IS 'the version of the market''s own design; null: standard';
COMMENT ON COLUMN print_batches.measures IS 'of the market''s own sheet as it was then; null: one of the built-in sheets';

-- ---------------------------------------------------------------- placards

ALTER TABLE placards
	ADD COLUMN provider_name text    NOT NULL DEFAULT '',
	ADD COLUMN languages     text    NOT NULL DEFAULT '',
	ADD COLUMN show_number   boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN placards.provider_name IS 'as printed; empty on a placard from before the column: the directory''s name of today';
COMMENT ON COLUMN placards.batch_id IS 'null: a stand that a wallet or bank gave';

-- One record for the stands of an account at a stall: each look at any of them is a look at it.
CREATE UNIQUE INDEX placards_one_stand ON placards (market_id, stall_id, account_id)
	WHERE kind = 'provider' AND state IN ('issued', 'printed', 'handed_over', 'installed', 'suspended');

ALTER TABLE placard_events DROP CONSTRAINT placard_events_kind;
ALTER TABLE placard_events ADD CONSTRAINT placard_events_kind CHECK (kind IN
	('issued', 'printed', 'handed_over', 'installed', 'checked', 'suspended', 'resumed', 'removed', 'lost', 'replaced', 'heard')) NOT VALID;
ALTER TABLE placard_events VALIDATE CONSTRAINT placard_events_kind;
COMMENT ON COLUMN placard_events.kind IS 'heard: another name than the printed one was heard, and the placard was not hung for it';
