-- What somebody found at a stall, as a day's work brings it home.

CREATE TABLE visits (
	market_id   uuid        NOT NULL,
	id          uuid        NOT NULL,
	stall_id    uuid        NOT NULL,
	vendor_id   uuid,
	outcome     text        NOT NULL CONSTRAINT visits_outcome CHECK (outcome IN ('done', 'helped', 'refused', 'absent', 'closed')),
	barrier     text,
	also        text[]      NOT NULL DEFAULT '{}',
	note        text        NOT NULL DEFAULT '',
	again_on    date,
	at          timestamptz NOT NULL,
	by          text        NOT NULL,
	recorded_at timestamptz NOT NULL,
	recorded_by text        NOT NULL,
	voided_at   timestamptz,
	voided_by   text,
	void_reason text,
	CONSTRAINT visits_pk PRIMARY KEY (market_id, id),
	CONSTRAINT visits_stall FOREIGN KEY (market_id, stall_id) REFERENCES stalls,
	CONSTRAINT visits_vendor FOREIGN KEY (market_id, vendor_id) REFERENCES vendors,
	CONSTRAINT visits_barrier CHECK (barrier IN ('no_phone', 'feature_phone', 'no_sim_registered', 'no_account', 'id_issue',
		'no_signal', 'not_confident', 'needs_practice', 'relative_handles', 'privacy_fear', 'scam_fear', 'tax_worry', 'fees',
		'cash_out_far', 'app_hard', 'buyers_pay_cash', 'no_need', 'absent', 'seasonal', 'refused', 'other')),
	CONSTRAINT visits_other_says_which CHECK (barrier IS DISTINCT FROM 'other' OR note <> ''),
	CONSTRAINT visits_voided CHECK ((voided_at IS NULL) = (voided_by IS NULL) AND (voided_at IS NULL) = (void_reason IS NULL))
);
CREATE INDEX visits_by_vendor ON visits (market_id, vendor_id, at);
CREATE INDEX visits_by_stall ON visits (market_id, stall_id, at);
COMMENT ON COLUMN visits.vendor_id IS 'who held the stall when it was visited; null: nobody';
COMMENT ON COLUMN visits.barrier IS 'the main reason why the vendor does not accept cashless payment; null: none, or not asked';
COMMENT ON COLUMN visits.also IS 'other reasons, of the same codes';
COMMENT ON COLUMN visits.at IS 'when it was, by the clock of the server where the phone''s is off';
COMMENT ON COLUMN visits.recorded_at IS 'when the server heard of it; later than at when there was no signal';
COMMENT ON COLUMN visits.again_on IS 'market day on which to come again';
