-- The reason that a vendor gave outlives the visit that becomes a count: without it the figures of past days would change with age.
-- Who visited, the outcome, the note and the checklist go.

CREATE TABLE old_barriers (
	market_id uuid        NOT NULL CONSTRAINT old_barriers_market REFERENCES markets,
	id        uuid        NOT NULL,
	vendor_id uuid        NOT NULL,
	at        timestamptz NOT NULL,
	barrier   text        NOT NULL,
	CONSTRAINT old_barriers_pk PRIMARY KEY (market_id, id)
);
CREATE INDEX old_barriers_by_vendor ON old_barriers (market_id, vendor_id);
COMMENT ON TABLE old_barriers IS 'what a vendor said in visits that are counts by now (visit_counts), for figures of past days';
COMMENT ON COLUMN old_barriers.id IS 'of the visit';
