-- Units that are no more and what became of them, where a market lay when, what a market is, and sites that are none.
--
-- The release before this one works on this schema: every new column has a default that means what was there before.

-- ---------------------------------------------------------------- areas

-- Districts ended on 30 June 2025, so there are only ended ones. A unit's parent stays its province, at every level: whoever asks
-- for the province of a market need not know whether its commune had a district above it.
ALTER TABLE areas
	ADD COLUMN district text CONSTRAINT areas_district REFERENCES areas,
	ADD COLUMN since    date,
	ADD COLUMN onward   text CONSTRAINT areas_onward REFERENCES areas,
	ADD COLUMN read_on  date NOT NULL DEFAULT '2025-07-01',
	DROP CONSTRAINT areas_level,
	ADD CONSTRAINT areas_level CHECK (level IN (1, 2) OR (level = 3 AND valid_to IS NOT NULL)) NOT VALID,
	ADD CONSTRAINT areas_district_by_level CHECK (district IS NULL OR (level = 2 AND valid_to IS NOT NULL)) NOT VALID;
ALTER TABLE areas VALIDATE CONSTRAINT areas_level;
ALTER TABLE areas VALIDATE CONSTRAINT areas_district_by_level;
CREATE INDEX areas_by_parent ON areas (parent);
COMMENT ON COLUMN areas.level IS '1 province or central city; 2 commune, ward, special zone, town; 3 district, which stood between them and is no more';
COMMENT ON COLUMN areas.parent IS 'the province, of a commune and of a district alike';
COMMENT ON COLUMN areas.district IS 'of a commune that is no more: the district it was in';
COMMENT ON COLUMN areas.since IS 'first day of the present name, kind and parent, where the code meant something else before; null: valid_from';
COMMENT ON COLUMN areas.onward IS 'of a unit that is no more: the province of today that all of it is in; null when there are several';
COMMENT ON COLUMN areas.read_on IS 'how new the row is: a file that was imported counts until the program carries a newer list';

-- What a code meant before: of two states of one code the older ends where the newer begins.
CREATE TABLE area_pasts (
	code      text NOT NULL CONSTRAINT area_pasts_area REFERENCES areas,
	since     date NOT NULL,
	until     date NOT NULL,
	name      text NOT NULL,
	name_fold text NOT NULL,
	kind      text NOT NULL,
	parent    text CONSTRAINT area_pasts_parent REFERENCES areas,
	district  text CONSTRAINT area_pasts_district REFERENCES areas,
	alike     text NOT NULL CONSTRAINT area_pasts_alike CHECK (alike IN ('unit', 'district', 'province', 'none')),
	CONSTRAINT area_pasts_pk PRIMARY KEY (code, until),
	CONSTRAINT area_pasts_days CHECK (since < until)
);
COMMENT ON COLUMN area_pasts.until IS 'first day on which it was no more so';
COMMENT ON COLUMN area_pasts.alike IS 'what all the land that the code means today had in common then: this very unit, its district, its province';

CREATE TABLE area_successions (
	old          text NOT NULL CONSTRAINT area_successions_old REFERENCES areas,
	new          text NOT NULL CONSTRAINT area_successions_new REFERENCES areas,
	effective_on date NOT NULL,
	CONSTRAINT area_successions_pk PRIMARY KEY (old, new, effective_on)
);
CREATE INDEX area_successions_by_new ON area_successions (new, effective_on);
COMMENT ON TABLE area_successions IS 'old went to new, whole or in part; a code that went on stands in both columns';

-- A code and what it meant when.
CREATE VIEW area_states AS
	SELECT code, since, until, name, name_fold, kind, parent, district, alike FROM area_pasts
	UNION ALL
	SELECT code, coalesce(since, valid_from), coalesce(valid_to, 'infinity'), name, name_fold, kind, parent, district, 'unit' FROM areas;

-- ---------------------------------------------------------------- markets

ALTER TABLE markets
	ADD COLUMN area_since      date       NOT NULL DEFAULT '-infinity',
	ADD COLUMN place_fold      text       NOT NULL DEFAULT '',
	ADD COLUMN site            text       NOT NULL DEFAULT '',
	ADD COLUMN class           smallint,
	ADD COLUMN kind            text       NOT NULL DEFAULT '',
	ADD COLUMN weekdays        smallint[] NOT NULL DEFAULT '{}',
	ADD COLUMN lunar_days      smallint[] NOT NULL DEFAULT '{}',
	ADD COLUMN program         boolean    NOT NULL DEFAULT false,
	ADD COLUMN program_since   date,
	ADD COLUMN program_sponsor text       NOT NULL DEFAULT '',
	ADD COLUMN signal          text       NOT NULL DEFAULT '',
	ADD COLUMN contact_name    text       NOT NULL DEFAULT '',
	ADD COLUMN contact_phone   text       NOT NULL DEFAULT '',
	ADD CONSTRAINT markets_site CHECK (site IN ('', 'desk', 'school', 'clinic')) NOT VALID,
	ADD CONSTRAINT markets_class CHECK (class BETWEEN 1 AND 3) NOT VALID,
	ADD CONSTRAINT markets_kind CHECK (kind IN ('', 'daily', 'wholesale', 'night', 'temporary', 'fair')) NOT VALID,
	ADD CONSTRAINT markets_weekdays CHECK (weekdays <@ '{1,2,3,4,5,6,7}') NOT VALID,
	ADD CONSTRAINT markets_lunar_days CHECK (lunar_days <@ '{1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30}') NOT VALID,
	ADD CONSTRAINT markets_days_of_a_fair CHECK (kind = 'fair' OR (weekdays = '{}' AND lunar_days = '{}')) NOT VALID,
	ADD CONSTRAINT markets_program CHECK (program OR (program_since IS NULL AND program_sponsor = '')) NOT VALID,
	ADD CONSTRAINT markets_signal CHECK (signal IN ('', 'none', 'weak', 'good')) NOT VALID,
	ADD CONSTRAINT markets_site_has_no_class CHECK (site = '' OR (class IS NULL AND kind = '' AND NOT program)) NOT VALID;
ALTER TABLE markets VALIDATE CONSTRAINT markets_site;
ALTER TABLE markets VALIDATE CONSTRAINT markets_class;
ALTER TABLE markets VALIDATE CONSTRAINT markets_kind;
ALTER TABLE markets VALIDATE CONSTRAINT markets_weekdays;
ALTER TABLE markets VALIDATE CONSTRAINT markets_lunar_days;
ALTER TABLE markets VALIDATE CONSTRAINT markets_days_of_a_fair;
ALTER TABLE markets VALIDATE CONSTRAINT markets_program;
ALTER TABLE markets VALIDATE CONSTRAINT markets_signal;
ALTER TABLE markets VALIDATE CONSTRAINT markets_site_has_no_class;
COMMENT ON COLUMN markets.area_since IS 'first day in the unit of area_code; -infinity: as far back as the record goes';
COMMENT ON COLUMN markets.place_fold IS 'names of its units, then and now, by which it is searched: folded, a bar between them';
COMMENT ON COLUMN markets.site IS 'no market but a place that shows payment codes: desk (one-stop), school, clinic; outside every share';
COMMENT ON COLUMN markets.weekdays IS 'of a fair-day market: 1 Monday to 7 Sunday';
COMMENT ON COLUMN markets.lunar_days IS 'of a fair-day market: days of the lunar month, 1 to 30';
COMMENT ON COLUMN markets.program IS 'a cashless market (chợ 4.0)';
COMMENT ON COLUMN markets.signal IS 'of phones in the market hall; empty: nobody said';

-- Where a market lay before. A reference table like markets: a row or two for each.
CREATE TABLE market_areas (
	market_id uuid NOT NULL CONSTRAINT market_areas_market REFERENCES markets,
	until     date NOT NULL,
	since     date NOT NULL,
	area_code text NOT NULL CONSTRAINT market_areas_area REFERENCES areas,
	CONSTRAINT market_areas_pk PRIMARY KEY (market_id, until),
	CONSTRAINT market_areas_days CHECK (since < until)
);
COMMENT ON COLUMN market_areas.until IS 'first day on which it lay there no more';

-- Where each market lay when. A unit that the market's record does not go back to is told only as far as all the land of today's
-- unit was in one commune, district or province; a market that still stands in a unit that is no more is on today's map in the
-- province that all of the unit went to.
CREATE VIEW market_places AS
	SELECT u.market_id, greatest(u.since, s.since) AS since, least(u.until, s.until) AS until,
	       CASE WHEN k.known OR s.alike = 'unit' THEN s.code END AS area_code,
	       CASE WHEN k.known OR s.alike IN ('unit', 'district') THEN s.district END AS district,
	       CASE WHEN k.known OR s.alike <> 'none' THEN coalesce(s.parent, s.code) END AS province
	FROM (SELECT market_id, area_code, since, until, '-infinity'::date AS entered FROM market_areas
	      UNION ALL
	      SELECT id, area_code, area_since, 'infinity', (created_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date FROM markets) u
	JOIN area_states s ON s.code = u.area_code AND s.since < u.until AND u.since < s.until
	CROSS JOIN LATERAL (SELECT u.since > '-infinity' OR s.until > u.entered AS known) k
	UNION ALL
	SELECT m.id, greatest(a.valid_to, m.area_since), 'infinity', NULL, NULL, a.onward
	FROM markets m JOIN areas a ON a.code = m.area_code AND a.valid_to IS NOT NULL AND a.onward IS NOT NULL;
