-- Banks and wallets as they were read since the program was made: the directory without a new release.

CREATE TABLE providers (
	bin          text        CONSTRAINT providers_pk PRIMARY KEY CONSTRAINT providers_bin CHECK (bin ~ '^[0-9]{6}$'),
	code         text        NOT NULL CONSTRAINT providers_one_per_code UNIQUE,
	name         text        NOT NULL,
	full_name    text        NOT NULL,
	kind         text        NOT NULL CONSTRAINT providers_kind CHECK (kind IN ('bank', 'wallet', 'mobile_money', 'other')),
	pays         boolean     NOT NULL,
	looks_up     boolean     NOT NULL,
	number_rule  text        NOT NULL CONSTRAINT providers_number_rule CHECK (number_rule IN ('account', 'mobile')),
	number_basis text        NOT NULL CONSTRAINT providers_number_basis CHECK (number_basis IN ('confirmed', 'format', 'unconfirmed')),
	second_of    text        NOT NULL DEFAULT '',
	valid_from   text        NOT NULL DEFAULT '',
	valid_to     text        NOT NULL DEFAULT '',
	read_on      text        NOT NULL,
	source       text        NOT NULL,
	names        text[]      NOT NULL,
	updated_by   text        NOT NULL,
	updated_at   timestamptz NOT NULL
);
COMMENT ON TABLE providers IS 'rows that a file brought; of those that the program brings along too, the one read on the later day counts';
COMMENT ON COLUMN providers.valid_from IS 'YYYY-MM-DD; empty: not known, taken as always';
COMMENT ON COLUMN providers.valid_to IS 'first day on which it is no more, YYYY-MM-DD; empty while it lasts';
COMMENT ON COLUMN providers.number_basis IS 'how sure the rule for its numbers is';
