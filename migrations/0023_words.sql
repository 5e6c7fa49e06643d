-- What others say they counted is written once too, and its source is words: those that name somebody who was erased are emptied with the rest.
-- The figure stays, and the figures of one source stay those of one source.
CREATE OR REPLACE FUNCTION erase_written(market uuid, erased uuid[], alone uuid[], naming uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
	gone uuid[] := ARRAY(SELECT a.id FROM accounts a WHERE a.market_id = market AND (a.vendor_id = ANY (erased) OR a.id = ANY (alone)));
	cards uuid[] := ARRAY(SELECT p.id FROM placards p WHERE p.market_id = market AND (p.vendor_id = ANY (erased) OR p.account_id = ANY (gone)));
	nothing CONSTANT bytea := decode(repeat('00', 32), 'hex');
BEGIN
	IF EXISTS (SELECT FROM unnest(erased) e (id) LEFT JOIN vendors v ON v.market_id = market AND v.id = e.id WHERE v.erased_at IS NULL)
	   OR EXISTS (SELECT FROM placards p WHERE p.market_id = market AND p.id = ANY (cards) AND p.state NOT IN ('replaced', 'lost', 'void'))
	   OR EXISTS (SELECT FROM accounts a WHERE a.market_id = market AND a.id = ANY (gone) AND NOT EXISTS (
	              SELECT FROM account_decisions d WHERE d.market_id = market AND d.account_id = a.id AND d.decision <> 'approved'))
	   OR EXISTS (SELECT FROM default_proposals p WHERE p.market_id = market AND (p.account_id = ANY (gone) OR p.instead_of = ANY (gone)) AND NOT EXISTS (
	              SELECT FROM default_decisions d WHERE d.market_id = market AND d.proposal_id = p.id)) THEN
		RAISE EXCEPTION 'what is to be erased is still in force' USING ERRCODE = 'check_violation', CONSTRAINT = 'erased_is_over';
	END IF;
	-- One statement each, since the pairs of hash and people are held together by keys.
	WITH a AS (
		UPDATE accounts SET number = '', holder = '', holder_given = false, payload = '', payload_sha256 = nothing, symbol = '', reason = ''
		WHERE market_id = market AND id = ANY (gone))
	UPDATE account_decisions SET payload_sha256 = nothing, reason = '' WHERE market_id = market AND account_id = ANY (gone);
	WITH p AS (
		UPDATE default_proposals SET payload_sha256 = nothing, reason = '' WHERE market_id = market AND account_id = ANY (gone))
	UPDATE default_decisions SET payload_sha256 = nothing, reason = '' WHERE market_id = market AND proposal_id IN (
		SELECT p.id FROM default_proposals p WHERE p.market_id = market AND p.account_id = ANY (gone));
	UPDATE account_verifications SET heard_name = CASE WHEN heard_name IS NOT NULL THEN '' END, how = ''
	WHERE market_id = market AND (account_id = ANY (gone) OR id = ANY (naming));
	UPDATE placard_events SET heard_name = CASE WHEN heard_name IS NOT NULL THEN '' END, reason = '', content = ''
	WHERE market_id = market AND (placard_id = ANY (cards) OR id = ANY (naming));
	UPDATE accounts SET reason = '' WHERE market_id = market AND id = ANY (naming);
	UPDATE account_decisions SET reason = '' WHERE market_id = market AND id = ANY (naming);
	UPDATE default_proposals SET reason = '' WHERE market_id = market AND id = ANY (naming);
	UPDATE default_decisions SET reason = '' WHERE market_id = market AND id = ANY (naming);
	UPDATE reported_figures f SET source = '–', note = '',
	       source_fold = (SELECT min(g.id::text) FROM reported_figures g WHERE g.source_fold = f.source_fold AND g.id = ANY (naming))
	WHERE f.id = ANY (naming);
	UPDATE figure_withdrawals SET reason = '–' WHERE figure_id = ANY (naming);
END $$;
