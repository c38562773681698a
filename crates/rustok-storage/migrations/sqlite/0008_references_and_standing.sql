-- A payment pays one order, and a refund gives one back. `reference` is the method in lower case, a line break and the
-- provider's id. Of old rows that share one the first keeps it; the others stay as they are and have none.

ALTER TABLE payments ADD COLUMN reference TEXT;
UPDATE payments SET reference = lower(trim(method)) || char(10) || trim(payment_id)
    WHERE (tenant_id, order_id) IN (
        SELECT tenant_id, order_id FROM (
            SELECT tenant_id, order_id, row_number() OVER (
                PARTITION BY tenant_id, lower(trim(method)), trim(payment_id) ORDER BY paid_at, order_id
            ) AS place FROM payments) AS placed WHERE place = 1);
CREATE UNIQUE INDEX payments_reference_key ON payments (tenant_id, reference);

ALTER TABLE refunds ADD COLUMN reference TEXT;
UPDATE refunds SET reference = lower(trim(p.method)) || char(10) || trim(refunds.refund_id)
    FROM payments p WHERE p.tenant_id = refunds.tenant_id AND p.order_id = refunds.order_id
    AND (refunds.tenant_id, refunds.order_id) IN (
        SELECT tenant_id, order_id FROM (
            SELECT r.tenant_id, r.order_id, row_number() OVER (
                PARTITION BY r.tenant_id, lower(trim(p.method)), trim(r.refund_id) ORDER BY r.refunded_at, r.order_id
            ) AS place FROM refunds r JOIN payments p ON p.tenant_id = r.tenant_id AND p.order_id = r.order_id
        ) AS placed WHERE place = 1);
CREATE UNIQUE INDEX refunds_reference_key ON refunds (tenant_id, reference);

-- What a tenant's own transaction may know of the directory: whether the tenant is served. Whoever reads names the tenant.
CREATE VIEW own_tenant AS SELECT id, status FROM tenants;
