-- Made from schema/0005_sales.sql by `cargo run -p xtask -- schema`: change that file.

-- Sales: customers, orders with their payments, refunds and fulfilments, and the ledger of stock.

CREATE TABLE customers (
    tenant_id BLOB NOT NULL CONSTRAINT customers_tenant_id_fkey REFERENCES tenants (id),
    id BLOB NOT NULL,
    email TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT "customers(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "customers(email)" UNIQUE (tenant_id, email)
) STRICT;

-- Series of numbers that people read, such as that of orders. Each slot has the next of its own numbers: who needs one
-- takes the lowest of a slot that no other transaction has locked, so that nobody waits and the numbers still ascend.
CREATE TABLE number_series (
    tenant_id BLOB NOT NULL CONSTRAINT number_series_tenant_id_fkey REFERENCES tenants (id),
    series TEXT NOT NULL,
    slot INTEGER NOT NULL,
    next_number INTEGER NOT NULL CONSTRAINT number_series_positive CHECK (next_number > 0),
    CONSTRAINT "number_series(series,slot)" PRIMARY KEY (tenant_id, series, slot)
) STRICT;

-- payment_id, refund_id, fulfilment_id: the rows that brought the order into its state. placed_from: the network of the
-- buyer, kept only as long as the order is pending.
CREATE TABLE orders (
    tenant_id BLOB NOT NULL CONSTRAINT orders_tenant_id_fkey REFERENCES tenants (id),
    id BLOB NOT NULL,
    number INTEGER NOT NULL CONSTRAINT orders_number_positive CHECK (number > 0),
    source TEXT NOT NULL CONSTRAINT orders_source_known CHECK (source IN ('storefront')),
    customer_id BLOB NOT NULL,
    email TEXT NOT NULL,
    status TEXT NOT NULL CONSTRAINT orders_status_known CHECK (status IN ('pending', 'confirmed', 'paid', 'shipped', 'delivered', 'cancelled')),
    currency TEXT NOT NULL CONSTRAINT orders_currency_code CHECK (length(currency) = 3),
    total_minor INTEGER NOT NULL CONSTRAINT orders_total_not_negative CHECK (total_minor >= 0),
    secret_hash BLOB NOT NULL,
    placed_from BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER,
    confirmed_at INTEGER,
    payment_id BLOB,
    fulfilment_id BLOB,
    delivered_at INTEGER,
    cancelled_at INTEGER,
    cancel_reason TEXT,
    refund_id BLOB,
    version INTEGER NOT NULL CONSTRAINT orders_version_positive CHECK (version > 0),
    CONSTRAINT "orders(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "orders(number)" UNIQUE (tenant_id, number),
    CONSTRAINT orders_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
    CONSTRAINT orders_id_payment_id_fkey FOREIGN KEY (tenant_id, id, payment_id) REFERENCES payments (tenant_id, order_id, id),
    CONSTRAINT orders_id_fulfilment_id_fkey FOREIGN KEY (tenant_id, id, fulfilment_id) REFERENCES fulfilments (tenant_id, order_id, id),
    CONSTRAINT orders_id_refund_id_fkey FOREIGN KEY (tenant_id, id, refund_id) REFERENCES refunds (tenant_id, order_id, id),
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
) STRICT;

-- All lists are in the order in which orders were placed.
CREATE INDEX orders_placed_idx ON orders (tenant_id, created_at, id);
CREATE INDEX orders_status_idx ON orders (tenant_id, status, created_at, id);
CREATE INDEX orders_customer_idx ON orders (tenant_id, customer_id, created_at, id);

-- How many pieces of counted stock a buyer, or a network, holds in orders that nobody has confirmed has a limit.
CREATE INDEX orders_pending_customer_idx ON orders (tenant_id, customer_id) WHERE status = 'pending';
CREATE INDEX orders_placed_from_idx ON orders (tenant_id, placed_from) WHERE placed_from IS NOT NULL;

CREATE TABLE order_lines (
    tenant_id BLOB NOT NULL,
    order_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    variant_id BLOB NOT NULL,
    product_id BLOB NOT NULL,
    title TEXT NOT NULL,
    variant_title TEXT NOT NULL,
    sku TEXT,
    quantity INTEGER NOT NULL CONSTRAINT order_lines_quantity_positive CHECK (quantity > 0),
    unit_price_minor INTEGER NOT NULL CONSTRAINT order_lines_price_not_negative CHECK (unit_price_minor >= 0),
    stock_taken INTEGER NOT NULL CONSTRAINT order_lines_stock_taken_is_bool CHECK (stock_taken IN (0, 1)),
    CONSTRAINT "order_lines(order_id,position)" PRIMARY KEY (tenant_id, order_id, position),
    CONSTRAINT "order_lines(order_id,variant_id)" UNIQUE (tenant_id, order_id, variant_id),
    CONSTRAINT order_lines_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    CONSTRAINT order_lines_variant_id_fkey FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id),
    CONSTRAINT order_lines_product_id_fkey FOREIGN KEY (tenant_id, product_id) REFERENCES products (tenant_id, id)
) STRICT;

-- What the total of an order has besides its lines. A discount is negative.
CREATE TABLE order_adjustments (
    tenant_id BLOB NOT NULL,
    order_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL CONSTRAINT order_adjustments_kind_known CHECK (kind IN ('discount', 'shipping', 'tax')),
    title TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    CONSTRAINT "order_adjustments(order_id,position)" PRIMARY KEY (tenant_id, order_id, position),
    CONSTRAINT order_adjustments_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    CONSTRAINT order_adjustments_sign CHECK ((kind = 'discount' AND amount_minor <= 0) OR (kind <> 'discount' AND amount_minor >= 0))
) STRICT;

-- external_id: the payment provider's id. reference: the method in lower case, a line break and the provider's id; a
-- payment pays one order.
CREATE TABLE payments (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    order_id BLOB NOT NULL,
    external_id TEXT NOT NULL,
    method TEXT NOT NULL,
    reference TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CONSTRAINT payments_amount_not_negative CHECK (amount_minor >= 0),
    currency TEXT NOT NULL CONSTRAINT payments_currency_code CHECK (length(currency) = 3),
    paid_at INTEGER NOT NULL,
    CONSTRAINT "payments(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "payments(order_id,id)" UNIQUE (tenant_id, order_id, id),
    CONSTRAINT "payments(reference)" UNIQUE (tenant_id, reference),
    CONSTRAINT payments_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
) STRICT;

-- payment_id: the payment that is given back.
CREATE TABLE refunds (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    order_id BLOB NOT NULL,
    payment_id BLOB NOT NULL,
    external_id TEXT NOT NULL,
    reference TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CONSTRAINT refunds_amount_not_negative CHECK (amount_minor >= 0),
    currency TEXT NOT NULL CONSTRAINT refunds_currency_code CHECK (length(currency) = 3),
    refunded_at INTEGER NOT NULL,
    CONSTRAINT "refunds(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "refunds(order_id,id)" UNIQUE (tenant_id, order_id, id),
    CONSTRAINT "refunds(reference)" UNIQUE (tenant_id, reference),
    CONSTRAINT refunds_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    CONSTRAINT refunds_order_id_payment_id_fkey FOREIGN KEY (tenant_id, order_id, payment_id) REFERENCES payments (tenant_id, order_id, id)
) STRICT;

CREATE TABLE fulfilments (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    order_id BLOB NOT NULL,
    tracking TEXT NOT NULL,
    carrier TEXT NOT NULL,
    shipped_at INTEGER NOT NULL,
    signature TEXT,
    CONSTRAINT "fulfilments(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "fulfilments(order_id,id)" UNIQUE (tenant_id, order_id, id),
    CONSTRAINT fulfilments_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
) STRICT;

CREATE TABLE order_history (
    tenant_id BLOB NOT NULL,
    order_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    transition TEXT NOT NULL,
    from_status TEXT,
    to_status TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT,
    at INTEGER NOT NULL,
    CONSTRAINT "order_history(order_id,version)" PRIMARY KEY (tenant_id, order_id, version),
    CONSTRAINT order_history_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
) STRICT;

-- Every change of a stock level: the level is their sum. note: the reason of an adjustment in words.
CREATE TABLE stock_movements (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    variant_id BLOB NOT NULL,
    order_id BLOB,
    delta INTEGER NOT NULL,
    reason TEXT NOT NULL CONSTRAINT stock_movements_reason_known CHECK (reason IN ('set', 'reserved', 'released', 'imported', 'adjusted')),
    actor TEXT NOT NULL,
    at INTEGER NOT NULL,
    note TEXT CONSTRAINT stock_movements_note_length CHECK (length(note) BETWEEN 1 AND 255),
    CONSTRAINT "stock_movements(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "stock_movements(order_id,variant_id,reason)" UNIQUE (tenant_id, order_id, variant_id, reason),
    CONSTRAINT stock_movements_variant_id_fkey FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id),
    CONSTRAINT stock_movements_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    CONSTRAINT stock_movements_adjustment_has_note CHECK ((reason = 'adjusted') = (note IS NOT NULL))
) STRICT;
CREATE INDEX stock_movements_variant_idx ON stock_movements (tenant_id, variant_id, id);
