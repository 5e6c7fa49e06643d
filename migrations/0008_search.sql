-- Search over many markets, and what phones send twice.
--
-- Nothing is written beside the names: the search folds, shortens and compares what is there, so rows that the release before
-- this one writes are found like all others. vendors_search, of the first file, finds words that are not typed to their end.

-- ---------------------------------------------------------------- search

-- GIN indexes answer for any of their columns: with the market inside of one, without it over all of them.
CREATE INDEX vendors_in_short ON vendors USING gin
	(market_id, (string_to_array(name_fold, ' ')), (right(phone, 4)), (regexp_replace(name_fold, '(\S)\S* ?', '\1', 'g')));
CREATE INDEX stalls_by_code ON stalls USING gin (market_id, (replace(code_fold, ' ', ''))) WHERE removed_at IS NULL;
COMMENT ON INDEX vendors_in_short IS 'whole words of the name, the phone''s last four digits, the first letter of each word: ntl';
COMMENT ON INDEX stalls_by_code IS 'a12 is A-12';

-- ---------------------------------------------------------------- what was sent twice

-- What somebody minted an id for: the same id and content again is the same record, other content is a clash.
CREATE TABLE sendings (
	market_id uuid        NOT NULL CONSTRAINT sendings_market REFERENCES markets,
	id        uuid        NOT NULL,
	kind      text        NOT NULL CONSTRAINT sendings_kind CHECK (kind IN ('stall', 'vendor', 'account')),
	content   bytea       NOT NULL CONSTRAINT sendings_content CHECK (length(content) = 32),
	sent_by   text        NOT NULL,
	sent_at   timestamptz NOT NULL,
	CONSTRAINT sendings_pk PRIMARY KEY (market_id, id)
);
COMMENT ON COLUMN sendings.id IS 'of the record, minted by whoever sent it';
COMMENT ON COLUMN sendings.content IS 'SHA-256 of what was sent; an event of a placard has its own in placard_events';

-- The second version of a record that is there already: nothing is overwritten, a person settles it.
CREATE TABLE clashes (
	market_id  uuid        NOT NULL CONSTRAINT clashes_market REFERENCES markets,
	id         uuid        NOT NULL,
	kind       text        NOT NULL CONSTRAINT clashes_kind CHECK (kind IN ('stall', 'vendor', 'account', 'placard', 'placard_event')),
	record_id  uuid        NOT NULL,
	place      text        NOT NULL,
	content    jsonb       NOT NULL,
	digest     bytea       NOT NULL CONSTRAINT clashes_digest CHECK (length(digest) = 32),
	sent_by    text        NOT NULL,
	sent_at    timestamptz NOT NULL,
	settled_by text,
	settled_at timestamptz,
	note       text        NOT NULL DEFAULT '',
	CONSTRAINT clashes_pk PRIMARY KEY (market_id, id),
	CONSTRAINT clashes_once UNIQUE (market_id, record_id, digest),
	CONSTRAINT clashes_settled CHECK ((settled_by IS NULL) = (settled_at IS NULL))
);
COMMENT ON COLUMN clashes.record_id IS 'of the first version, which stands in the table of its kind';
COMMENT ON COLUMN clashes.place IS 'for which the second version was sent: a stall''s code, a placard''s serial';
COMMENT ON COLUMN clashes.content IS 'the second version as it was sent; emptied when it is settled, since it may name people';

ALTER TABLE placard_events ADD COLUMN clock_ahead integer;
COMMENT ON COLUMN placard_events.clock_ahead IS 'seconds by which the sender''s clock was ahead of ours, negative behind; null: not known or none';
