-- What is aimed at, what others report, and what providers give away for a while.
--
-- Targets, reported figures and campaigns are about a market, an area or the country, are few and change rarely: reference tables like
-- markets. Marks hang on a market and its vendors. The release before this one does not know any of them.

-- ---------------------------------------------------------------- targets

CREATE TABLE targets (
	id        uuid        CONSTRAINT targets_pk PRIMARY KEY,
	indicator text        NOT NULL CONSTRAINT targets_indicator CHECK (indicator <> ''),
	market_id uuid        CONSTRAINT targets_market REFERENCES markets,
	area_code text        CONSTRAINT targets_area REFERENCES areas,
	provider  text        NOT NULL DEFAULT '',
	due_on    date        NOT NULL,
	share     numeric(7, 6) CONSTRAINT targets_share CHECK (share > 0 AND share <= 1),
	amount    bigint      CONSTRAINT targets_amount CHECK (amount > 0),
	document  text        NOT NULL CONSTRAINT targets_document CHECK (document <> ''),
	set_at    timestamptz NOT NULL,
	set_by    text        NOT NULL,
	ended_at  timestamptz,
	ended_by  text,
	CONSTRAINT targets_one_place CHECK (market_id IS NULL OR area_code IS NULL),
	CONSTRAINT targets_one_value CHECK ((share IS NULL) <> (amount IS NULL)),
	CONSTRAINT targets_ended CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX targets_one_in_force ON targets (coalesce(market_id::text, area_code, ''), indicator, provider, due_on) WHERE ended_at IS NULL;
COMMENT ON COLUMN targets.market_id IS 'of a market; neither it nor area_code: of the country';
COMMENT ON COLUMN targets.due_on IS 'the last day on which it can be reached; the area is one of that day''s map';
COMMENT ON COLUMN targets.share IS '0.7 of those concerned; it holds for the places below too, unless they have one of their own for the same day';
COMMENT ON COLUMN targets.amount IS 'so many, of this place alone';
COMMENT ON COLUMN targets.document IS 'who decided it where, in words: 12/KH-UBND, 14/01/2022';

-- ---------------------------------------------------------------- reported figures

-- Written once: what somebody said stays said. A later row of the same indicator, place, provider, period and source corrects it.
CREATE TABLE reported_figures (
	id          uuid        CONSTRAINT reported_figures_pk PRIMARY KEY,
	indicator   text        NOT NULL CONSTRAINT reported_figures_indicator CHECK (indicator <> ''),
	market_id   uuid        CONSTRAINT reported_figures_market REFERENCES markets,
	area_code   text        CONSTRAINT reported_figures_area REFERENCES areas,
	provider    text        NOT NULL DEFAULT '',
	since       date,
	until       date        NOT NULL,
	method      text        NOT NULL CONSTRAINT reported_figures_method CHECK (method IN ('counted', 'sampled', 'estimated', 'claimed', 'partner_reported')),
	numerator   bigint      CONSTRAINT reported_figures_numerator CHECK (numerator >= 0),
	denominator bigint      CONSTRAINT reported_figures_denominator CHECK (denominator IS NULL OR denominator > 0 AND numerator IS NOT NULL),
	share       numeric(7, 6) CONSTRAINT reported_figures_share CHECK (share >= 0 AND share <= 1),
	source      text        NOT NULL CONSTRAINT reported_figures_source CHECK (source <> ''),
	source_fold text        NOT NULL,
	note        text        NOT NULL DEFAULT '',
	reported_at timestamptz NOT NULL,
	reported_by text        NOT NULL,
	CONSTRAINT reported_figures_one_place CHECK (market_id IS NULL OR area_code IS NULL),
	CONSTRAINT reported_figures_period CHECK (since <= until),
	CONSTRAINT reported_figures_says_something CHECK (numerator IS NOT NULL OR share IS NOT NULL),
	CONSTRAINT reported_figures_one_share CHECK (share IS NULL OR denominator IS NULL)
);
CREATE INDEX reported_figures_by_place ON reported_figures (coalesce(market_id::text, area_code, ''), indicator, provider, until);
COMMENT ON COLUMN reported_figures.since IS 'first day of the period; null: how it was on the last one';
COMMENT ON COLUMN reported_figures.share IS 'where only the share is known: about half is 0.5';
COMMENT ON COLUMN reported_figures.source IS 'who said it where, in words';
COMMENT ON COLUMN reported_figures.source_fold IS 'the same folded: two spellings of one source are one';

CREATE TABLE figure_withdrawals (
	figure_id    uuid        CONSTRAINT figure_withdrawals_pk PRIMARY KEY CONSTRAINT figure_withdrawals_figure REFERENCES reported_figures,
	reason       text        NOT NULL CONSTRAINT figure_withdrawals_reason CHECK (reason <> ''),
	withdrawn_at timestamptz NOT NULL,
	withdrawn_by text        NOT NULL
);

-- ---------------------------------------------------------------- campaigns

CREATE TABLE campaigns (
	id             uuid        CONSTRAINT campaigns_pk PRIMARY KEY,
	provider       text        NOT NULL CONSTRAINT campaigns_provider CHECK (provider <> ''),
	title          text        NOT NULL CONSTRAINT campaigns_title CHECK (title <> ''),
	since          date        NOT NULL,
	until          date        NOT NULL,
	area_code      text        CONSTRAINT campaigns_area REFERENCES areas,
	buyer_benefit  bigint      CONSTRAINT campaigns_buyer_benefit CHECK (buyer_benefit > 0),
	vendor_benefit bigint      CONSTRAINT campaigns_vendor_benefit CHECK (vendor_benefit > 0),
	terms          text        NOT NULL DEFAULT '',
	document       text        NOT NULL CONSTRAINT campaigns_document CHECK (document <> ''),
	made_at        timestamptz NOT NULL,
	made_by        text        NOT NULL,
	ended_at       timestamptz,
	ended_by       text,
	CONSTRAINT campaigns_days CHECK (since <= until),
	CONSTRAINT campaigns_ended CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX campaigns_by_days ON campaigns (since, until) WHERE ended_at IS NULL;
COMMENT ON COLUMN campaigns.area_code IS 'in all of it, on the map of the first day; null with no market beside: in the country';
COMMENT ON COLUMN campaigns.buyer_benefit IS 'for each buyer who takes part, in whole đồng';
COMMENT ON COLUMN campaigns.vendor_benefit IS 'for each vendor who takes part, in whole đồng';
COMMENT ON COLUMN campaigns.ended_at IS 'when it was taken out of the record, entered wrongly';

CREATE TABLE campaign_markets (
	market_id   uuid NOT NULL CONSTRAINT campaign_markets_market REFERENCES markets,
	campaign_id uuid NOT NULL CONSTRAINT campaign_markets_campaign REFERENCES campaigns,
	CONSTRAINT campaign_markets_pk PRIMARY KEY (market_id, campaign_id)
);
CREATE INDEX campaign_markets_by_campaign ON campaign_markets (campaign_id);
COMMENT ON TABLE campaign_markets IS 'of a campaign in single markets: these';

CREATE TABLE campaign_marks (
	market_id   uuid        NOT NULL,
	campaign_id uuid        NOT NULL CONSTRAINT campaign_marks_campaign REFERENCES campaigns,
	vendor_id   uuid        NOT NULL,
	kind        text        NOT NULL CONSTRAINT campaign_marks_kind CHECK (kind IN ('told', 'qualified')),
	marked_on   date        NOT NULL,
	marked_at   timestamptz NOT NULL,
	marked_by   text        NOT NULL,
	CONSTRAINT campaign_marks_pk PRIMARY KEY (market_id, campaign_id, vendor_id, kind),
	CONSTRAINT campaign_marks_vendor FOREIGN KEY (market_id, vendor_id) REFERENCES vendors
);
COMMENT ON COLUMN campaign_marks.marked_on IS 'market day on which the vendor was told, or had what the campaign asks for';
