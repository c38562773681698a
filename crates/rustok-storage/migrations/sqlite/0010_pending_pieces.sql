-- How many pieces of counted stock a buyer holds in orders that nobody has confirmed has a limit: by e-mail address, and
-- by the network that the order came from. The network is kept only as long as the order is pending.

ALTER TABLE orders ADD COLUMN placed_from BLOB CHECK (placed_from IS NULL OR (length(placed_from) = 16 AND status = 'pending'));

CREATE INDEX orders_pending_customer_idx ON orders (tenant_id, customer_id) WHERE status = 'pending';
CREATE INDEX orders_placed_from_idx ON orders (tenant_id, placed_from) WHERE placed_from IS NOT NULL;
