-- Sums of provinces and of the country by provider and reason as well: a figure of many markets no longer adds up what each of them has.

-- ---------------------------------------------------------------- sums above markets

-- By track and not by province, so one sum serves the map of every day; by day, by week and by thirteen weeks, so few rows make a figure of any day.
CREATE TABLE province_sums (
	track         text     NOT NULL,
	split         text     NOT NULL CONSTRAINT province_sums_split CHECK (split IN ('', 'provider', 'barrier')),
	span          smallint NOT NULL CONSTRAINT province_sums_span CHECK (span IN (1, 7, 91)),
	ends          date     NOT NULL,
	key           text     NOT NULL CONSTRAINT province_sums_key CHECK ((key = '') = (split = '')),
	vendors       integer  NOT NULL DEFAULT 0,
	account       integer  NOT NULL DEFAULT 0,
	approved      integer  NOT NULL DEFAULT 0,
	printed       integer  NOT NULL DEFAULT 0,
	installed     integer  NOT NULL DEFAULT 0,
	checked       integer  NOT NULL DEFAULT 0,
	accepting     integer  NOT NULL DEFAULT 0,
	equipped      integer  NOT NULL DEFAULT 0,
	used          integer  NOT NULL DEFAULT 0,
	suspended     integer  NOT NULL DEFAULT 0,
	overdue       integer  NOT NULL DEFAULT 0,
	stands        bigint   NOT NULL DEFAULT 0,
	CONSTRAINT province_sums_pk PRIMARY KEY (track, split, span, ends, key)
);
-- The key finds what a province had, this what all of them had on some days.
CREATE INDEX province_sums_by_day ON province_sums (split, span, ends);
COMMENT ON COLUMN province_sums.track IS 'of province_tracks; * for all of them together';
COMMENT ON COLUMN province_sums.split IS 'empty: all vendors';
COMMENT ON COLUMN province_sums.span IS 'how many days the row is of';
COMMENT ON COLUMN province_sums.ends IS 'the last of them: a Sunday, but of single days';

-- ---------------------------------------------------------------- what is part of them

-- On the changes and not on the counters, so that what a release before this one counts is found as well.
ALTER TABLE vendor_changes ADD COLUMN summed boolean NOT NULL DEFAULT true;
ALTER TABLE vendor_changes ALTER COLUMN summed SET DEFAULT false;
UPDATE vendor_changes SET summed = false WHERE NOT carried;
-- What has happened and is in no sum yet: never more than a minute brings.
CREATE INDEX vendor_changes_unsummed ON vendor_changes (market_id) WHERE carried AND NOT summed;
COMMENT ON COLUMN vendor_changes.summed IS 'it is part of province_sums, of the track market_now.summed_track; never before it is carried';

ALTER TABLE market_now ADD COLUMN summed_track text;
UPDATE market_now SET summed_track = coalesce(track, '-');
CREATE INDEX market_now_elsewhere ON market_now (market_id) WHERE summed_track <> coalesce(track, '-');
COMMENT ON COLUMN market_now.summed_track IS 'the track to whose sums its changes were added; -: to none, since it is no market; null: nothing was added yet';

INSERT INTO province_sums (track, split, span, ends, key, vendors, account, approved, printed, installed, checked, accepting, equipped, used, suspended, overdue, stands)
SELECT w.track, k.split, s.span, x.day + s.span - 1 - mod(mod(x.day - date '1970-01-01' + 3, s.span) + s.span, s.span), k.key, sum(x.vendors), sum(x.account), sum(x.approved), sum(x.printed), sum(x.installed),
       sum(x.checked), sum(x.accepting), sum(x.equipped), sum(x.used), sum(x.suspended), sum(x.overdue), sum(x.stands)
FROM (
	SELECT n.track, c.day, c.provider, c.barrier, sum(c.vendors) AS vendors, sum(c.account) AS account, sum(c.approved) AS approved, sum(c.printed) AS printed, sum(c.installed) AS installed,
	       sum(c.checked) AS checked, sum(c.accepting) AS accepting, sum(c.equipped) AS equipped, sum(c.used) AS used, sum(c.suspended) AS suspended, sum(c.overdue) AS overdue, sum(c.stands) AS stands
	FROM vendor_changes c JOIN market_now n ON n.market_id = c.market_id WHERE c.summed AND n.track IS NOT NULL GROUP BY 1, 2, 3, 4
) x
CROSS JOIN LATERAL (VALUES ('', ''), ('provider', x.provider), ('barrier', x.barrier)) k (split, key)
CROSS JOIN LATERAL (VALUES (x.track), ('*')) w (track) CROSS JOIN (VALUES (1), (7), (91)) s (span)
WHERE k.split = '' OR k.key <> ''
GROUP BY 1, 2, 3, 4, 5 ORDER BY 2, 3, 4, 1, 5;

-- ---------------------------------------------------------------- what they take the place of

-- province_day_delta, province_week_delta, market_now.rolled_track and market_day_delta.rolled stay for the release before this one, and go with the next:
-- what is not added to those any more, it adds itself.
DROP INDEX market_day_delta_new, market_now_moved;
COMMENT ON TABLE province_day_delta IS 'of the release before province_sums; nothing is added any more';
COMMENT ON TABLE province_week_delta IS 'of the release before province_sums; nothing is added any more';
COMMENT ON COLUMN market_now.rolled_track IS 'of the release before province_sums';
COMMENT ON COLUMN market_day_delta.rolled IS 'of the release before province_sums';
