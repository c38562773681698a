-- A payment pays one order, and a refund gives one back. `reference` is the method in lower case, a line break and the
-- provider's id. Of old rows that share one the first keeps it; the others stay as they are and have none. Row security is
-- not forced on the owner while old rows are filled in: as a plain owner he would see none of them.

ALTER TABLE payments NO FORCE ROW LEVEL SECURITY;
ALTER TABLE refunds NO FORCE ROW LEVEL SECURITY;

ALTER TABLE payments ADD COLUMN reference text COLLATE "C";
UPDATE payments SET reference = lower(btrim(method) COLLATE "C") || chr(10) || btrim(payment_id)
    WHERE (tenant_id, order_id) IN (
        SELECT tenant_id, order_id FROM (
            SELECT tenant_id, order_id, row_number() OVER (
                PARTITION BY tenant_id, lower(btrim(method) COLLATE "C"), btrim(payment_id) ORDER BY paid_at, order_id
            ) AS place FROM payments) AS placed WHERE place = 1);
CREATE UNIQUE INDEX "payments(reference)" ON payments (tenant_id, reference);

ALTER TABLE refunds ADD COLUMN reference text COLLATE "C";
UPDATE refunds r SET reference = lower(btrim(p.method) COLLATE "C") || chr(10) || btrim(r.refund_id)
    FROM payments p WHERE p.tenant_id = r.tenant_id AND p.order_id = r.order_id
    AND (r.tenant_id, r.order_id) IN (
        SELECT tenant_id, order_id FROM (
            SELECT r.tenant_id, r.order_id, row_number() OVER (
                PARTITION BY r.tenant_id, lower(btrim(p.method) COLLATE "C"), btrim(r.refund_id)
                ORDER BY r.refunded_at, r.order_id
            ) AS place FROM refunds r JOIN payments p ON p.tenant_id = r.tenant_id AND p.order_id = r.order_id
        ) AS placed WHERE place = 1);
CREATE UNIQUE INDEX "refunds(reference)" ON refunds (tenant_id, reference);

ALTER TABLE payments FORCE ROW LEVEL SECURITY;
ALTER TABLE refunds FORCE ROW LEVEL SECURITY;

-- What a tenant's own transaction may know of the directory: whether the tenant is served. It sees no other row.
CREATE VIEW own_tenant WITH (security_barrier) AS
    SELECT id, status FROM tenants WHERE id = nullif(current_setting('rustok.tenant_id', true), '')::uuid;
GRANT SELECT ON own_tenant TO rustok_app;
