-- Who may be in the record already is found by index, in a market of any size and over a set of markets of any number.

-- A stall's code without blanks, signs and leading zeros.
CREATE INDEX stalls_bare ON stalls (market_id, (regexp_replace(regexp_replace(code_fold, '(^|[^0-9])0+([0-9])', '\1\2', 'g'), '[^[:alnum:]]', '', 'g'))) WHERE removed_at IS NULL;

-- The number first: one is found once, and not once in every market.
CREATE INDEX vendors_by_number ON vendors (phone, market_id) WHERE phone IS NOT NULL;
DROP INDEX vendors_by_phone;
CREATE INDEX accounts_by_number ON accounts (number, bin, market_id);
DROP INDEX accounts_same_number;
