-- What is counted of every vendor, and the counters that are kept beside the facts by the transactions that change them.
--
-- A change is a row once and for all: what is found out later about a day that was counted before comes in as further rows that make
-- up the difference, so that both what is known now and what was known then are sums. The release before this one works on this
-- schema; what it wrote is counted by the program market by market, not in this file.

-- ---------------------------------------------------------------- what a provider confirms

CREATE TABLE account_uses (
	market_id   uuid        NOT NULL,
	account_id  uuid        NOT NULL,
	day         date        NOT NULL,
	payments    integer     NOT NULL CONSTRAINT account_uses_payments CHECK (payments > 0),
	recorded_by text        NOT NULL CONSTRAINT account_uses_who CHECK (recorded_by ~ '^(key|console)'),
	recorded_at timestamptz NOT NULL,
	CONSTRAINT account_uses_pk PRIMARY KEY (market_id, account_id, day),
	CONSTRAINT account_uses_account FOREIGN KEY (market_id, account_id) REFERENCES accounts
);
COMMENT ON TABLE account_uses IS 'days on which an account was paid, as its provider says; neither amounts nor who paid';
COMMENT ON COLUMN account_uses.payments IS 'how many that day; what helpers recorded as tests of that day is taken off';

-- Without a report of its provider nothing is known of an account's use, which is not the same as no use.
CREATE TABLE use_reports (
	provider    text        NOT NULL,
	day         date        NOT NULL,
	recorded_by text        NOT NULL,
	recorded_at timestamptz NOT NULL,
	CONSTRAINT use_reports_pk PRIMARY KEY (provider, day)
);

-- ---------------------------------------------------------------- changes

CREATE TABLE vendor_changes (
	market_id     uuid        NOT NULL CONSTRAINT vendor_changes_market REFERENCES markets,
	vendor_id     uuid        NOT NULL,
	seq           integer     NOT NULL,
	since         timestamptz NOT NULL,
	day           date        NOT NULL,
	recorded_at   timestamptz NOT NULL,
	carried       boolean     NOT NULL,
	provider      text        NOT NULL,
	barrier       text        NOT NULL,
	vendors       smallint NOT NULL DEFAULT 0,
	account       smallint NOT NULL DEFAULT 0,
	approved      smallint NOT NULL DEFAULT 0,
	printed       smallint NOT NULL DEFAULT 0,
	installed     smallint NOT NULL DEFAULT 0,
	checked       smallint NOT NULL DEFAULT 0,
	accepting     smallint NOT NULL DEFAULT 0,
	equipped      smallint NOT NULL DEFAULT 0,
	used          smallint NOT NULL DEFAULT 0,
	suspended     smallint NOT NULL DEFAULT 0,
	overdue       smallint NOT NULL DEFAULT 0,
	stands        integer  NOT NULL DEFAULT 0,
	CONSTRAINT vendor_changes_pk PRIMARY KEY (market_id, vendor_id, seq)
);
CREATE INDEX vendor_changes_waiting ON vendor_changes (since) WHERE NOT carried;
CREATE INDEX vendor_changes_late ON vendor_changes (market_id, day) WHERE day <> (since AT TIME ZONE 'Asia/Ho_Chi_Minh')::date;
COMMENT ON TABLE vendor_changes IS 'what a vendor adds to each figure from a moment on: 1, 0 or -1; a vendor who was erased stays here as a bare id';
COMMENT ON COLUMN vendor_changes.since IS 'when it happened, or will: that a check falls due is known beforehand';
COMMENT ON COLUMN vendor_changes.day IS 'market day on which it counts: that of since, or the first one that is not closed when it came too late for that';
COMMENT ON COLUMN vendor_changes.recorded_at IS 'from when on it was known';
COMMENT ON COLUMN vendor_changes.carried IS 'it is part of market_now';
COMMENT ON COLUMN vendor_changes.provider IS 'of the default account; empty: no account';
COMMENT ON COLUMN vendor_changes.barrier IS 'the last reason why the vendor does not accept; empty: accepts, or nobody asked';
COMMENT ON COLUMN vendor_changes.equipped IS 'a live placard of an account that waits or is in force';
COMMENT ON COLUMN vendor_changes.used IS 'paid on two days of the last 30, as providers confirm';
COMMENT ON COLUMN vendor_changes.stands IS 'days from 1970-01-01 to the day since which the barrier stands, so that sums give the average';

-- ---------------------------------------------------------------- counters

CREATE TABLE market_now (
	market_id     uuid    CONSTRAINT market_now_pk PRIMARY KEY CONSTRAINT market_now_market REFERENCES markets,
	track         text,
	rolled_track  text,
	counted_at    timestamptz,
	vendors       integer NOT NULL DEFAULT 0,
	account       integer NOT NULL DEFAULT 0,
	approved      integer NOT NULL DEFAULT 0,
	printed       integer NOT NULL DEFAULT 0,
	installed     integer NOT NULL DEFAULT 0,
	checked       integer NOT NULL DEFAULT 0,
	accepting     integer NOT NULL DEFAULT 0,
	equipped      integer NOT NULL DEFAULT 0,
	used          integer NOT NULL DEFAULT 0,
	suspended     integer NOT NULL DEFAULT 0,
	overdue       integer NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE INDEX market_now_moved ON market_now (market_id) WHERE rolled_track IS NOT NULL AND rolled_track IS DISTINCT FROM track;
CREATE INDEX market_now_uncounted ON market_now (market_id) WHERE counted_at IS NULL;
INSERT INTO market_now (market_id) SELECT id FROM markets;
COMMENT ON COLUMN market_now.track IS 'the provinces in which the market lay, one after the other; null: not a market, or not told yet';
COMMENT ON COLUMN market_now.rolled_track IS 'the track to which its days were added';
COMMENT ON COLUMN market_now.counted_at IS 'when everything of before the counters was counted; null: not yet';

CREATE TABLE market_split_now (
	market_id     uuid    NOT NULL,
	split         text    NOT NULL CONSTRAINT market_split_now_split CHECK (split IN ('provider', 'barrier')),
	key           text    NOT NULL,
	vendors       integer NOT NULL DEFAULT 0,
	account       integer NOT NULL DEFAULT 0,
	approved      integer NOT NULL DEFAULT 0,
	printed       integer NOT NULL DEFAULT 0,
	installed     integer NOT NULL DEFAULT 0,
	checked       integer NOT NULL DEFAULT 0,
	accepting     integer NOT NULL DEFAULT 0,
	equipped      integer NOT NULL DEFAULT 0,
	used          integer NOT NULL DEFAULT 0,
	suspended     integer NOT NULL DEFAULT 0,
	overdue       integer NOT NULL DEFAULT 0,
	stands        bigint  NOT NULL DEFAULT 0,
	CONSTRAINT market_split_now_pk PRIMARY KEY (market_id, split, key),
	CONSTRAINT market_split_now_market FOREIGN KEY (market_id) REFERENCES markets
) WITH (fillfactor = 70);
CREATE INDEX market_split_now_barriers ON market_split_now (market_id) WHERE split = 'barrier';
COMMENT ON COLUMN market_split_now.key IS 'never empty: those without are the whole less all others';

CREATE TABLE market_day_delta (
	market_id     uuid    NOT NULL CONSTRAINT market_day_delta_market REFERENCES markets,
	day           date    NOT NULL,
	rolled        boolean NOT NULL DEFAULT false,
	vendors       integer NOT NULL DEFAULT 0,
	account       integer NOT NULL DEFAULT 0,
	approved      integer NOT NULL DEFAULT 0,
	printed       integer NOT NULL DEFAULT 0,
	installed     integer NOT NULL DEFAULT 0,
	checked       integer NOT NULL DEFAULT 0,
	accepting     integer NOT NULL DEFAULT 0,
	equipped      integer NOT NULL DEFAULT 0,
	used          integer NOT NULL DEFAULT 0,
	suspended     integer NOT NULL DEFAULT 0,
	overdue       integer NOT NULL DEFAULT 0,
	CONSTRAINT market_day_delta_pk PRIMARY KEY (market_id, day, rolled)
);
CREATE INDEX market_day_delta_new ON market_day_delta (market_id) WHERE NOT rolled;
COMMENT ON COLUMN market_day_delta.day IS 'in Asia/Ho_Chi_Minh; days to come hold what time alone will change';
COMMENT ON COLUMN market_day_delta.rolled IS 'it is part of province_day_delta too';

CREATE TABLE market_split_day_delta (
	market_id     uuid    NOT NULL CONSTRAINT market_split_day_delta_market REFERENCES markets,
	split         text    NOT NULL CONSTRAINT market_split_day_delta_split CHECK (split IN ('provider', 'barrier')),
	key           text    NOT NULL,
	day           date    NOT NULL,
	vendors       integer NOT NULL DEFAULT 0,
	account       integer NOT NULL DEFAULT 0,
	approved      integer NOT NULL DEFAULT 0,
	printed       integer NOT NULL DEFAULT 0,
	installed     integer NOT NULL DEFAULT 0,
	checked       integer NOT NULL DEFAULT 0,
	accepting     integer NOT NULL DEFAULT 0,
	equipped      integer NOT NULL DEFAULT 0,
	used          integer NOT NULL DEFAULT 0,
	suspended     integer NOT NULL DEFAULT 0,
	overdue       integer NOT NULL DEFAULT 0,
	stands        bigint  NOT NULL DEFAULT 0,
	CONSTRAINT market_split_day_delta_pk PRIMARY KEY (market_id, split, key, day)
);
-- Of barriers there are few rows, which every figure asks for; of providers many, which few do.
CREATE INDEX market_split_day_delta_barriers ON market_split_day_delta (market_id, day) WHERE split = 'barrier';

-- ---------------------------------------------------------------- where markets lay, and sums above them

-- View market_places for every market and every day, written down when areas or markets change.
CREATE TABLE market_tracks (
	market_id uuid NOT NULL CONSTRAINT market_tracks_market REFERENCES markets,
	since     date NOT NULL,
	until     date NOT NULL,
	code      text NOT NULL,
	area      text NOT NULL,
	district  text NOT NULL,
	province  text NOT NULL,
	CONSTRAINT market_tracks_pk PRIMARY KEY (market_id, since)
);
CREATE INDEX market_tracks_by_area ON market_tracks (area);
CREATE INDEX market_tracks_by_district ON market_tracks (district);
CREATE INDEX market_tracks_by_province ON market_tracks (province);
COMMENT ON TABLE market_tracks IS 'without sites that are no markets';
COMMENT ON COLUMN market_tracks.area IS 'empty: the record does not tell';

CREATE TABLE province_tracks (
	track    text NOT NULL,
	since    date NOT NULL,
	until    date NOT NULL,
	province text NOT NULL,
	CONSTRAINT province_tracks_pk PRIMARY KEY (track, since)
);

-- By track and not by province: so one sum serves the map of every day.
CREATE TABLE province_day_delta (
	track         text    NOT NULL,
	day           date    NOT NULL,
	vendors       integer NOT NULL DEFAULT 0,
	account       integer NOT NULL DEFAULT 0,
	approved      integer NOT NULL DEFAULT 0,
	printed       integer NOT NULL DEFAULT 0,
	installed     integer NOT NULL DEFAULT 0,
	checked       integer NOT NULL DEFAULT 0,
	accepting     integer NOT NULL DEFAULT 0,
	equipped      integer NOT NULL DEFAULT 0,
	used          integer NOT NULL DEFAULT 0,
	suspended     integer NOT NULL DEFAULT 0,
	overdue       integer NOT NULL DEFAULT 0,
	CONSTRAINT province_day_delta_pk PRIMARY KEY (track, day)
);

-- The same by week, a seventh of the rows: what a day's figure and a year's series are summed from.
CREATE TABLE province_week_delta (
	track         text    NOT NULL,
	week          date    NOT NULL,
	vendors       integer NOT NULL DEFAULT 0,
	account       integer NOT NULL DEFAULT 0,
	approved      integer NOT NULL DEFAULT 0,
	printed       integer NOT NULL DEFAULT 0,
	installed     integer NOT NULL DEFAULT 0,
	checked       integer NOT NULL DEFAULT 0,
	accepting     integer NOT NULL DEFAULT 0,
	equipped      integer NOT NULL DEFAULT 0,
	used          integer NOT NULL DEFAULT 0,
	suspended     integer NOT NULL DEFAULT 0,
	overdue       integer NOT NULL DEFAULT 0,
	CONSTRAINT province_week_delta_pk PRIMARY KEY (track, week)
);
COMMENT ON COLUMN province_week_delta.week IS 'its last day, a Sunday';

-- ---------------------------------------------------------------- quarters

CREATE TABLE quarter_closes (
	market_id  uuid        NOT NULL CONSTRAINT quarter_closes_market REFERENCES markets,
	quarter    text        NOT NULL CONSTRAINT quarter_closes_quarter CHECK (quarter ~ '^[0-9]{4}-Q[1-4]$'),
	ends       date        NOT NULL,
	definition text        NOT NULL,
	figures    text        NOT NULL,
	hash       bytea       NOT NULL CONSTRAINT quarter_closes_hash CHECK (length(hash) = 32),
	closed_by  text        NOT NULL,
	closed_at  timestamptz NOT NULL,
	CONSTRAINT quarter_closes_pk PRIMARY KEY (market_id, quarter)
);
COMMENT ON COLUMN quarter_closes.ends IS 'last day of the quarter';
COMMENT ON COLUMN quarter_closes.figures IS 'JSON, to the letter what the hash is of';

-- ---------------------------------------------------------------- visits that came since

CREATE INDEX visits_by_recording ON visits (market_id, recorded_at);
CREATE INDEX visits_by_voiding ON visits (market_id, voided_at) WHERE voided_at IS NOT NULL;
