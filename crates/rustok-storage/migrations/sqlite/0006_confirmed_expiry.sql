-- A confirmed order that nobody pays is called off, so that it does not hold its stock for ever. Those that were
-- confirmed before there was such a time get the usual one, 7 days, from now on.
-- SQLite cannot change a CHECK, so the table is built anew.

CREATE TABLE orders_2 (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id BLOB NOT NULL,
    customer_id BLOB NOT NULL,
    email TEXT NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('pending', 'confirmed', 'paid', 'shipped', 'delivered', 'cancelled')),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    total_minor INTEGER NOT NULL CHECK (total_minor >= 0),
    secret_hash BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER,
    confirmed_at INTEGER,
    payment_id TEXT,
    tracking TEXT,
    delivered_at INTEGER,
    cancelled_at INTEGER,
    cancel_reason TEXT,
    refund_id TEXT,
    version INTEGER NOT NULL CHECK (version > 0),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
    FOREIGN KEY (tenant_id, id, payment_id) REFERENCES payments (tenant_id, order_id, payment_id),
    FOREIGN KEY (tenant_id, id, refund_id) REFERENCES refunds (tenant_id, order_id, refund_id),
    FOREIGN KEY (tenant_id, id, tracking) REFERENCES fulfilments (tenant_id, order_id, tracking),
    CHECK (status <> 'pending' OR expires_at IS NOT NULL),
    CHECK (expires_at IS NULL OR status IN ('pending', 'confirmed')),
    CHECK (status <> 'pending' OR confirmed_at IS NULL),
    CHECK (status IN ('pending', 'cancelled') OR confirmed_at IS NOT NULL),
    CHECK (status NOT IN ('paid', 'shipped', 'delivered') OR payment_id IS NOT NULL),
    CHECK (status NOT IN ('pending', 'confirmed') OR payment_id IS NULL),
    CHECK (payment_id IS NULL OR confirmed_at IS NOT NULL),
    CHECK ((status IN ('shipped', 'delivered')) = (tracking IS NOT NULL)),
    CHECK ((status = 'delivered') = (delivered_at IS NOT NULL)),
    CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
    CHECK ((status = 'cancelled') = (cancel_reason IS NOT NULL)),
    CHECK ((refund_id IS NOT NULL) = (status = 'cancelled' AND payment_id IS NOT NULL))
) STRICT;
INSERT INTO orders_2 (tenant_id, id, customer_id, email, status, currency, total_minor, secret_hash, created_at, updated_at, expires_at,
    confirmed_at, payment_id, tracking, delivered_at, cancelled_at, cancel_reason, refund_id, version)
    SELECT tenant_id, id, customer_id, email, status, currency, total_minor, secret_hash, created_at, updated_at, expires_at,
        confirmed_at, payment_id, tracking, delivered_at, cancelled_at, cancel_reason, refund_id, version FROM orders;
DROP TABLE orders;
ALTER TABLE orders_2 RENAME TO orders;
CREATE INDEX orders_status_idx ON orders (tenant_id, status, id);
CREATE INDEX orders_customer_idx ON orders (tenant_id, customer_id, id);

-- Times are microseconds. Work is named like its order: both are unique.
UPDATE orders SET expires_at = (unixepoch() + 7 * 86400) * 1000000 WHERE status = 'confirmed';
INSERT INTO due_work (tenant_id, id, kind, subject_id, due_at)
    SELECT tenant_id, id, 'expire_order', id, expires_at FROM orders WHERE status = 'confirmed'
    ON CONFLICT DO NOTHING;
