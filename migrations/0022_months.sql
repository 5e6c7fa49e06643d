-- A signed month also keeps how many of its visits nothing shows: it is on the paper, and later visits, or old ones that became counts,
-- would have changed it.
--
-- The release before this one works on this schema: what it signs has no such number, which is then counted as before.

ALTER TABLE statements ADD COLUMN unproved integer;
COMMENT ON COLUMN statements.unproved IS 'visits that nothing shows, not counted; null: signed before this was kept';
