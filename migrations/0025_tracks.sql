-- The markets of a province are found by where they lie, to add up what they are now.

CREATE INDEX market_now_by_track ON market_now (track);
