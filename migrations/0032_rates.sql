-- How much somebody may still ask is known to all processes on a database.

CREATE TABLE request_rates (
	who   text        NOT NULL CONSTRAINT request_rates_pk PRIMARY KEY,
	until timestamptz NOT NULL
);
COMMENT ON COLUMN request_rates.who IS 'SHA-256 of the person, the key or the address, in hex';
COMMENT ON COLUMN request_rates.until IS 'until when what was asked so far uses up what may be asked; forgotten afterwards';
