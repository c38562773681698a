-- Made from schema/0005_sales.sql by `cargo run -p xtask -- schema`: change that file.

-- Sales: customers, orders with their payments, refunds and fulfilments, and the ledger of stock.

CREATE TABLE customers (
    tenant_id uuid NOT NULL CONSTRAINT customers_tenant_id_fkey REFERENCES tenants (id),
    id uuid NOT NULL,
    email text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT "customers(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "customers(email)" UNIQUE (tenant_id, email)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON customers TO rustok_app;
GRANT SELECT ON customers TO rustok_backup;
ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE customers FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON customers TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON customers FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');

-- Series of numbers that people read, such as that of orders. Each slot has the next of its own numbers: who needs one
-- takes the lowest of a slot that no other transaction has locked, so that nobody waits and the numbers still ascend.
CREATE TABLE number_series (
    tenant_id uuid NOT NULL CONSTRAINT number_series_tenant_id_fkey REFERENCES tenants (id),
    series text COLLATE "C" NOT NULL,
    slot bigint NOT NULL,
    next_number bigint NOT NULL CONSTRAINT number_series_positive CHECK (next_number > 0),
    CONSTRAINT "number_series(series,slot)" PRIMARY KEY (tenant_id, series, slot)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON number_series TO rustok_app;
GRANT SELECT ON number_series TO rustok_backup;
ALTER TABLE number_series ENABLE ROW LEVEL SECURITY;
ALTER TABLE number_series FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON number_series TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON number_series FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');

-- payment_id, refund_id, fulfilment_id: the rows that brought the order into its state. placed_from: the network of the
-- buyer, kept only as long as the order is pending.
CREATE TABLE orders (
    tenant_id uuid NOT NULL CONSTRAINT orders_tenant_id_fkey REFERENCES tenants (id),
    id uuid NOT NULL,
    number bigint NOT NULL CONSTRAINT orders_number_positive CHECK (number > 0),
    source text NOT NULL CONSTRAINT orders_source_known CHECK (source IN ('storefront')),
    customer_id uuid NOT NULL,
    email text NOT NULL,
    status text NOT NULL CONSTRAINT orders_status_known CHECK (status IN ('pending', 'confirmed', 'paid', 'shipped', 'delivered', 'cancelled')),
    currency text NOT NULL CONSTRAINT orders_currency_code CHECK (length(currency) = 3),
    total_minor bigint NOT NULL CONSTRAINT orders_total_not_negative CHECK (total_minor >= 0),
    secret_hash bytea NOT NULL,
    placed_from bytea,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz,
    confirmed_at timestamptz,
    payment_id uuid,
    fulfilment_id uuid,
    delivered_at timestamptz,
    cancelled_at timestamptz,
    cancel_reason text,
    refund_id uuid,
    version bigint NOT NULL CONSTRAINT orders_version_positive CHECK (version > 0),
    CONSTRAINT "orders(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "orders(number)" UNIQUE (tenant_id, number),
    CONSTRAINT orders_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
    CONSTRAINT orders_placed_from_pending CHECK (placed_from IS NULL OR (length(placed_from) = 16 AND status = 'pending')),
    CONSTRAINT orders_pending_expires CHECK (status <> 'pending' OR expires_at IS NOT NULL),
    CONSTRAINT orders_expiry_before_payment CHECK (expires_at IS NULL OR status IN ('pending', 'confirmed')),
    CONSTRAINT orders_pending_not_confirmed CHECK (status <> 'pending' OR confirmed_at IS NULL),
    CONSTRAINT orders_confirmed_has_date CHECK (status IN ('pending', 'cancelled') OR confirmed_at IS NOT NULL),
    CONSTRAINT orders_paid_has_payment CHECK (status NOT IN ('paid', 'shipped', 'delivered') OR payment_id IS NOT NULL),
    CONSTRAINT orders_unpaid_has_no_payment CHECK (status NOT IN ('pending', 'confirmed') OR payment_id IS NULL),
    CONSTRAINT orders_payment_after_confirmation CHECK (payment_id IS NULL OR confirmed_at IS NOT NULL),
    CONSTRAINT orders_shipped_has_fulfilment CHECK ((status IN ('shipped', 'delivered')) = (fulfilment_id IS NOT NULL)),
    CONSTRAINT orders_delivered_has_date CHECK ((status = 'delivered') = (delivered_at IS NOT NULL)),
    CONSTRAINT orders_cancelled_has_date CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
    CONSTRAINT orders_cancelled_has_reason CHECK ((status = 'cancelled') = (cancel_reason IS NOT NULL)),
    CONSTRAINT orders_refund_of_paid CHECK ((refund_id IS NOT NULL) = (status = 'cancelled' AND payment_id IS NOT NULL))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO rustok_app;
GRANT SELECT ON orders TO rustok_backup;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON orders TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON orders FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');

-- All lists are in the order in which orders were placed.
CREATE INDEX orders_placed_idx ON orders (tenant_id, created_at, id);
CREATE INDEX orders_status_idx ON orders (tenant_id, status, created_at, id);
CREATE INDEX orders_customer_idx ON orders (tenant_id, customer_id, created_at, id);

-- How many pieces of counted stock a buyer, or a network, holds in orders that nobody has confirmed has a limit.
CREATE INDEX orders_pending_customer_idx ON orders (tenant_id, customer_id) WHERE status = 'pending';
CREATE INDEX orders_placed_from_idx ON orders (tenant_id, placed_from) WHERE placed_from IS NOT NULL;

CREATE TABLE order_lines (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    position bigint NOT NULL,
    variant_id uuid NOT NULL,
    product_id uuid NOT NULL,
    title text NOT NULL,
    variant_title text NOT NULL,
    sku text,
    quantity bigint NOT NULL CONSTRAINT order_lines_quantity_positive CHECK (quantity > 0),
    unit_price_minor bigint NOT NULL CONSTRAINT order_lines_price_not_negative CHECK (unit_price_minor >= 0),
    stock_taken boolean NOT NULL,
    CONSTRAINT "order_lines(order_id,position)" PRIMARY KEY (tenant_id, order_id, position),
    CONSTRAINT "order_lines(order_id,variant_id)" UNIQUE (tenant_id, order_id, variant_id),
    CONSTRAINT order_lines_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    CONSTRAINT order_lines_variant_id_fkey FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id),
    CONSTRAINT order_lines_product_id_fkey FOREIGN KEY (tenant_id, product_id) REFERENCES products (tenant_id, id)
);
GRANT SELECT, INSERT ON order_lines TO rustok_app;
GRANT SELECT ON order_lines TO rustok_backup;
ALTER TABLE order_lines ENABLE ROW LEVEL SECURITY;
ALTER TABLE order_lines FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON order_lines TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON order_lines FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');

-- What the total of an order has besides its lines. A discount is negative.
CREATE TABLE order_adjustments (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    position bigint NOT NULL,
    kind text NOT NULL CONSTRAINT order_adjustments_kind_known CHECK (kind IN ('discount', 'shipping', 'tax')),
    title text NOT NULL,
    amount_minor bigint NOT NULL,
    CONSTRAINT "order_adjustments(order_id,position)" PRIMARY KEY (tenant_id, order_id, position),
    CONSTRAINT order_adjustments_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    CONSTRAINT order_adjustments_sign CHECK ((kind = 'discount' AND amount_minor <= 0) OR (kind <> 'discount' AND amount_minor >= 0))
);
GRANT SELECT, INSERT ON order_adjustments TO rustok_app;
GRANT SELECT ON order_adjustments TO rustok_backup;
ALTER TABLE order_adjustments ENABLE ROW LEVEL SECURITY;
ALTER TABLE order_adjustments FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON order_adjustments TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON order_adjustments FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');

-- external_id: the payment provider's id. reference: the method in lower case, a line break and the provider's id; a
-- payment pays one order.
CREATE TABLE payments (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    external_id text NOT NULL,
    method text NOT NULL,
    reference text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL CONSTRAINT payments_amount_not_negative CHECK (amount_minor >= 0),
    currency text NOT NULL CONSTRAINT payments_currency_code CHECK (length(currency) = 3),
    paid_at timestamptz NOT NULL,
    CONSTRAINT "payments(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "payments(order_id,id)" UNIQUE (tenant_id, order_id, id),
    CONSTRAINT "payments(reference)" UNIQUE (tenant_id, reference),
    CONSTRAINT payments_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);
GRANT SELECT, INSERT ON payments TO rustok_app;
GRANT SELECT ON payments TO rustok_backup;
ALTER TABLE payments ENABLE ROW LEVEL SECURITY;
ALTER TABLE payments FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON payments TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON payments FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
ALTER TABLE orders NO FORCE ROW LEVEL SECURITY;
ALTER TABLE payments NO FORCE ROW LEVEL SECURITY;
ALTER TABLE orders ADD CONSTRAINT orders_id_payment_id_fkey FOREIGN KEY (tenant_id, id, payment_id) REFERENCES payments (tenant_id, order_id, id);
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
ALTER TABLE payments FORCE ROW LEVEL SECURITY;

-- payment_id: the payment that is given back.
CREATE TABLE refunds (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    external_id text NOT NULL,
    reference text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL CONSTRAINT refunds_amount_not_negative CHECK (amount_minor >= 0),
    currency text NOT NULL CONSTRAINT refunds_currency_code CHECK (length(currency) = 3),
    refunded_at timestamptz NOT NULL,
    CONSTRAINT "refunds(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "refunds(order_id,id)" UNIQUE (tenant_id, order_id, id),
    CONSTRAINT "refunds(reference)" UNIQUE (tenant_id, reference),
    CONSTRAINT refunds_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    CONSTRAINT refunds_order_id_payment_id_fkey FOREIGN KEY (tenant_id, order_id, payment_id) REFERENCES payments (tenant_id, order_id, id)
);
GRANT SELECT, INSERT ON refunds TO rustok_app;
GRANT SELECT ON refunds TO rustok_backup;
ALTER TABLE refunds ENABLE ROW LEVEL SECURITY;
ALTER TABLE refunds FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON refunds TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON refunds FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
ALTER TABLE orders NO FORCE ROW LEVEL SECURITY;
ALTER TABLE refunds NO FORCE ROW LEVEL SECURITY;
ALTER TABLE orders ADD CONSTRAINT orders_id_refund_id_fkey FOREIGN KEY (tenant_id, id, refund_id) REFERENCES refunds (tenant_id, order_id, id);
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
ALTER TABLE refunds FORCE ROW LEVEL SECURITY;

CREATE TABLE fulfilments (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    tracking text NOT NULL,
    carrier text NOT NULL,
    shipped_at timestamptz NOT NULL,
    signature text,
    CONSTRAINT "fulfilments(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "fulfilments(order_id,id)" UNIQUE (tenant_id, order_id, id),
    CONSTRAINT fulfilments_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON fulfilments TO rustok_app;
GRANT SELECT ON fulfilments TO rustok_backup;
ALTER TABLE fulfilments ENABLE ROW LEVEL SECURITY;
ALTER TABLE fulfilments FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON fulfilments TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON fulfilments FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
ALTER TABLE fulfilments NO FORCE ROW LEVEL SECURITY;
ALTER TABLE orders NO FORCE ROW LEVEL SECURITY;
ALTER TABLE orders ADD CONSTRAINT orders_id_fulfilment_id_fkey FOREIGN KEY (tenant_id, id, fulfilment_id) REFERENCES fulfilments (tenant_id, order_id, id);
ALTER TABLE fulfilments FORCE ROW LEVEL SECURITY;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;

CREATE TABLE order_history (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    version bigint NOT NULL,
    transition text NOT NULL,
    from_status text,
    to_status text NOT NULL,
    actor text NOT NULL,
    reason text,
    at timestamptz NOT NULL,
    CONSTRAINT "order_history(order_id,version)" PRIMARY KEY (tenant_id, order_id, version),
    CONSTRAINT order_history_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);
GRANT SELECT, INSERT ON order_history TO rustok_app;
GRANT SELECT ON order_history TO rustok_backup;
ALTER TABLE order_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE order_history FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON order_history TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON order_history FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');

-- Every change of a stock level: the level is their sum. note: the reason of an adjustment in words.
CREATE TABLE stock_movements (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    variant_id uuid NOT NULL,
    order_id uuid,
    delta bigint NOT NULL,
    reason text NOT NULL CONSTRAINT stock_movements_reason_known CHECK (reason IN ('set', 'reserved', 'released', 'imported', 'adjusted')),
    actor text NOT NULL,
    at timestamptz NOT NULL,
    note text CONSTRAINT stock_movements_note_length CHECK (length(note) BETWEEN 1 AND 255),
    CONSTRAINT "stock_movements(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "stock_movements(order_id,variant_id,reason)" UNIQUE (tenant_id, order_id, variant_id, reason),
    CONSTRAINT stock_movements_variant_id_fkey FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id),
    CONSTRAINT stock_movements_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    CONSTRAINT stock_movements_adjustment_has_note CHECK ((reason = 'adjusted') = (note IS NOT NULL))
);
GRANT SELECT, INSERT ON stock_movements TO rustok_app;
GRANT SELECT ON stock_movements TO rustok_backup;
ALTER TABLE stock_movements ENABLE ROW LEVEL SECURITY;
ALTER TABLE stock_movements FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON stock_movements TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON stock_movements FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
CREATE INDEX stock_movements_variant_idx ON stock_movements (tenant_id, variant_id, id);
