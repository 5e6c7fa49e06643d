-- What a person says of a ledger: what its columns hold, and single cells typed anew. And how far a commit is.
--
-- The release before this one works on this schema: it shows an import whose columns nobody has named yet as over.

ALTER TABLE imports
	ADD COLUMN sheet    bytea,
	ADD COLUMN mapping  jsonb   NOT NULL DEFAULT '{}',
	ADD COLUMN remember boolean NOT NULL DEFAULT false,
	ADD COLUMN mended   jsonb   NOT NULL DEFAULT '{}',
	ADD COLUMN touched  text[]  NOT NULL DEFAULT '{}',
	ADD COLUMN changed  uuid[]  NOT NULL DEFAULT '{}',
	ADD COLUMN beat_at  timestamptz,
	ADD COLUMN done     integer NOT NULL DEFAULT 0,
	ADD COLUMN total    integer NOT NULL DEFAULT 0,
	ADD COLUMN problem  jsonb;
COMMENT ON COLUMN imports.sheet IS 'the cells as they stood, packed, without columns of what is never collected; kept as long as the rows in ledger';
COMMENT ON COLUMN imports.mapping IS 'what a person said that columns hold: heading or letter to role';
COMMENT ON COLUMN imports.remember IS 'the mapping is kept for the market when the import is committed';
COMMENT ON COLUMN imports.mended IS 'cells typed anew: row, column from 0, text';
COMMENT ON COLUMN imports.touched IS 'who typed cells anew: none of them may approve what comes in';
COMMENT ON COLUMN imports.changed IS 'stalls that were there and that the commit changed';
COMMENT ON COLUMN imports.beat_at IS 'when a commit that runs last said so; one that is silent for long was cut off, and nothing of it is stored';
COMMENT ON COLUMN imports.problem IS 'why the last commit failed, when nobody was there to be told';

-- What the columns of a market's ledger hold, where their headings do not tell.
CREATE TABLE ledger_mappings (
	market_id uuid        NOT NULL CONSTRAINT ledger_mappings_market REFERENCES markets,
	heading   text        NOT NULL CONSTRAINT ledger_mappings_heading CHECK (length(heading) BETWEEN 1 AND 200),
	role      text        NOT NULL CONSTRAINT ledger_mappings_role CHECK (role <> ''),
	said_by   text        NOT NULL,
	said_at   timestamptz NOT NULL,
	CONSTRAINT ledger_mappings_pk PRIMARY KEY (market_id, heading)
);
COMMENT ON COLUMN ledger_mappings.heading IS 'folded: ma so cho ngoi';
COMMENT ON COLUMN ledger_mappings.role IS 'code, vendor, phone …, unread, or the code of a wallet or bank';
