-- How far long work is: the sheets of a batch that are drawn, the rows of a list that have left.
--
-- The release before this one works on this schema: what it draws or takes out has no row here, and is then known by its end alone.

CREATE TABLE works (
	market_id uuid        NOT NULL CONSTRAINT works_market REFERENCES markets,
	id        uuid        NOT NULL,
	state     text        NOT NULL CONSTRAINT works_state CHECK (state IN ('runs', 'ended', 'stopped')),
	done      integer     NOT NULL,
	total     integer     NOT NULL,
	beat_at   timestamptz NOT NULL,
	CONSTRAINT works_pk PRIMARY KEY (market_id, id)
);
COMMENT ON COLUMN works.id IS 'of the print batch, or of the disclosure: the list that somebody takes out';
COMMENT ON COLUMN works.beat_at IS 'when it last said how far it is; what runs and is long silent was cut off';
