-- A search inside a market reads all its names, and the stalls whose code begins as what was typed; who holds a stall is found by the stall.

-- ---------------------------------------------------------------- search

-- What the search compares, without the rows around it: half the time. The longest names that are taken, 120 characters of which each folds to
-- eighteen, are compressed to less than an index may hold.
CREATE INDEX vendors_named ON vendors (market_id, id) INCLUDE (name_fold, name, phone) WHERE removed_at IS NULL AND erased_at IS NULL;
-- Ordered by bytes, whatever the database's language.
CREATE INDEX stalls_beginning ON stalls (market_id, (replace(code_fold, ' ', '')) text_pattern_ops) WHERE removed_at IS NULL;

-- ---------------------------------------------------------------- who holds a stall

-- The planner took the index of this constraint, which costs ten times as much as occupancies_one_per_stall, for the cheaper way to the holder of a
-- stall. What it is for now always holds, and no statement says so: nothing is read by it but by the constraint.
ALTER TABLE occupancies DROP CONSTRAINT occupancies_one_at_a_time;
ALTER TABLE occupancies ADD CONSTRAINT occupancies_one_at_a_time
	EXCLUDE USING gist (market_id WITH =, stall_id WITH =, daterange(began, ended) WITH &&) WHERE (daterange(began, ended) IS NOT NULL);
