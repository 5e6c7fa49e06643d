-- How long a webhook's address took to answer, and the last answer of each found without reading its log. The release before this one leaves the
-- column empty: how long its tries took nobody knows.
ALTER TABLE webhook_deliveries ADD COLUMN took_ms integer CONSTRAINT webhook_deliveries_took CHECK (took_ms >= 0);
COMMENT ON COLUMN webhook_deliveries.took_ms IS 'until the last try was answered or given up, in milliseconds; null: not tried yet, or nothing was left to send';
CREATE INDEX webhook_deliveries_tried ON webhook_deliveries (webhook_id, tried_at) WHERE tried_at IS NOT NULL;
