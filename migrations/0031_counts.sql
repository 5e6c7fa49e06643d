-- What every figure asks first is a row or an index: how many markets a track has, whether one lies elsewhere, who reported. A figure of the country no longer
-- counts nine thousand markets.

CREATE TABLE track_markets (
	track   text    NOT NULL CONSTRAINT track_markets_pk PRIMARY KEY,
	markets integer NOT NULL
);
COMMENT ON COLUMN track_markets.track IS 'of province_tracks';
COMMENT ON COLUMN track_markets.markets IS 'how many have this in market_now.counted_track';

ALTER TABLE market_now ADD COLUMN counted_track text;
UPDATE market_now SET counted_track = coalesce(track, '-');
INSERT INTO track_markets (track, markets) SELECT track, count(*) FROM market_now WHERE track IS NOT NULL GROUP BY 1;
-- Those that are counted nowhere yet, or where they lie no more: what the release before this one places, too.
CREATE INDEX market_now_counted_elsewhere ON market_now (market_id) WHERE CASE WHEN counted_track = coalesce(track, '-') THEN 0 ELSE 1 END = 1;
COMMENT ON COLUMN market_now.counted_track IS 'the track whose track_markets it is counted in; -: in none, since it is no market; null: in none yet';

-- Of a sum the planner expects few, of a comparison nearly all, and reads the table.
CREATE INDEX market_now_summed_elsewhere ON market_now (market_id) WHERE CASE WHEN summed_track <> coalesce(track, '-') THEN 1 ELSE 0 END = 1;
DROP INDEX market_now_elsewhere;

-- Only the counting went by it.
DROP INDEX market_now_by_track;

-- Which providers told of the last days is asked with every figure, and was looked for among all days.
CREATE INDEX use_reports_by_day ON use_reports (day);
