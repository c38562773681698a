-- A confirmed order that nobody pays is called off, so that it does not hold its stock for ever. Those that were
-- confirmed before there was such a time get the usual one, 7 days, from now on.

ALTER TABLE orders DROP CONSTRAINT orders_check;
ALTER TABLE orders ADD CONSTRAINT orders_pending_expires_check
    CHECK (status <> 'pending' OR expires_at IS NOT NULL);
ALTER TABLE orders ADD CONSTRAINT orders_expires_status_check
    CHECK (expires_at IS NULL OR status IN ('pending', 'confirmed'));

-- Row security is forced on the owner too; it is lifted for this transaction, which nobody else sees half of. Work is
-- named like its order: both are unique.
ALTER TABLE orders NO FORCE ROW LEVEL SECURITY;
ALTER TABLE due_work NO FORCE ROW LEVEL SECURITY;
UPDATE orders SET expires_at = now() + interval '7 days' WHERE status = 'confirmed';
INSERT INTO due_work (tenant_id, id, kind, subject_id, due_at)
    SELECT tenant_id, id, 'expire_order', id, expires_at FROM orders WHERE status = 'confirmed'
    ON CONFLICT DO NOTHING;
ALTER TABLE due_work FORCE ROW LEVEL SECURITY;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
