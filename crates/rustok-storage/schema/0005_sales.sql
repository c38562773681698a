-- Sales: customers, orders with their payments, refunds and fulfilments, and the ledger of stock.

CREATE TENANT TABLE customers (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    email text NOT NULL,
    created_at time NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, email)
);

-- Series of numbers that people read, such as that of orders. Each slot has the next of its own numbers: who needs one
-- takes the lowest of a slot that no other transaction has locked, so that nobody waits and the numbers still ascend.
CREATE TENANT TABLE number_series (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    series word NOT NULL,
    slot int NOT NULL,
    next_number int NOT NULL CONSTRAINT number_series_positive CHECK (next_number > 0),
    PRIMARY KEY (tenant_id, series, slot)
);

-- payment_id, refund_id, fulfilment_id: the rows that brought the order into its state. placed_from: the network of the
-- buyer, kept only as long as the order is pending.
CREATE TENANT TABLE orders (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    number int NOT NULL CONSTRAINT orders_number_positive CHECK (number > 0),
    source text NOT NULL CONSTRAINT orders_source_known CHECK (source IN ('storefront')),
    customer_id uuid NOT NULL,
    email text NOT NULL,
    status text NOT NULL CONSTRAINT orders_status_known
        CHECK (status IN ('pending', 'confirmed', 'paid', 'shipped', 'delivered', 'cancelled')),
    currency text NOT NULL CONSTRAINT orders_currency_code CHECK (length(currency) = 3),
    total_minor int NOT NULL CONSTRAINT orders_total_not_negative CHECK (total_minor >= 0),
    secret_hash bytes NOT NULL,
    placed_from bytes,
    created_at time NOT NULL,
    updated_at time NOT NULL,
    expires_at time,
    confirmed_at time,
    payment_id uuid,
    fulfilment_id uuid,
    delivered_at time,
    cancelled_at time,
    cancel_reason text,
    refund_id uuid,
    version int NOT NULL CONSTRAINT orders_version_positive CHECK (version > 0),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, number),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
    FOREIGN KEY (tenant_id, id, payment_id) REFERENCES payments (tenant_id, order_id, id),
    FOREIGN KEY (tenant_id, id, fulfilment_id) REFERENCES fulfilments (tenant_id, order_id, id),
    FOREIGN KEY (tenant_id, id, refund_id) REFERENCES refunds (tenant_id, order_id, id),
    CONSTRAINT orders_placed_from_pending
        CHECK (placed_from IS NULL OR (length(placed_from) = 16 AND status = 'pending')),
    CONSTRAINT orders_pending_expires CHECK (status <> 'pending' OR expires_at IS NOT NULL),
    CONSTRAINT orders_expiry_before_payment CHECK (expires_at IS NULL OR status IN ('pending', 'confirmed')),
    CONSTRAINT orders_pending_not_confirmed CHECK (status <> 'pending' OR confirmed_at IS NULL),
    CONSTRAINT orders_confirmed_has_date CHECK (status IN ('pending', 'cancelled') OR confirmed_at IS NOT NULL),
    CONSTRAINT orders_paid_has_payment CHECK (status NOT IN ('paid', 'shipped', 'delivered') OR payment_id IS NOT NULL),
    CONSTRAINT orders_unpaid_has_no_payment CHECK (status NOT IN ('pending', 'confirmed') OR payment_id IS NULL),
    CONSTRAINT orders_payment_after_confirmation CHECK (payment_id IS NULL OR confirmed_at IS NOT NULL),
    CONSTRAINT orders_shipped_has_fulfilment
        CHECK ((status IN ('shipped', 'delivered')) = (fulfilment_id IS NOT NULL)),
    CONSTRAINT orders_delivered_has_date CHECK ((status = 'delivered') = (delivered_at IS NOT NULL)),
    CONSTRAINT orders_cancelled_has_date CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
    CONSTRAINT orders_cancelled_has_reason CHECK ((status = 'cancelled') = (cancel_reason IS NOT NULL)),
    CONSTRAINT orders_refund_of_paid
        CHECK ((refund_id IS NOT NULL) = (status = 'cancelled' AND payment_id IS NOT NULL))
);
-- All lists are in the order in which orders were placed.
CREATE INDEX orders_placed_idx ON orders (tenant_id, created_at, id);
CREATE INDEX orders_status_idx ON orders (tenant_id, status, created_at, id);
CREATE INDEX orders_customer_idx ON orders (tenant_id, customer_id, created_at, id);
-- How many pieces of counted stock a buyer, or a network, holds in orders that nobody has confirmed has a limit.
CREATE INDEX orders_pending_customer_idx ON orders (tenant_id, customer_id) WHERE status = 'pending';
CREATE INDEX orders_placed_from_idx ON orders (tenant_id, placed_from) WHERE placed_from IS NOT NULL;

CREATE TENANT TABLE order_lines (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    position int NOT NULL,
    variant_id uuid NOT NULL,
    product_id uuid NOT NULL,
    title text NOT NULL,
    variant_title text NOT NULL,
    sku text,
    quantity int NOT NULL CONSTRAINT order_lines_quantity_positive CHECK (quantity > 0),
    unit_price_minor int NOT NULL CONSTRAINT order_lines_price_not_negative CHECK (unit_price_minor >= 0),
    stock_taken bool NOT NULL,
    PRIMARY KEY (tenant_id, order_id, position),
    UNIQUE (tenant_id, order_id, variant_id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id),
    FOREIGN KEY (tenant_id, product_id) REFERENCES products (tenant_id, id)
) RIGHTS (SELECT, INSERT);

-- What the total of an order has besides its lines. A discount is negative.
CREATE TENANT TABLE order_adjustments (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    position int NOT NULL,
    kind text NOT NULL CONSTRAINT order_adjustments_kind_known CHECK (kind IN ('discount', 'shipping', 'tax')),
    title text NOT NULL,
    amount_minor int NOT NULL,
    PRIMARY KEY (tenant_id, order_id, position),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    CONSTRAINT order_adjustments_sign
        CHECK ((kind = 'discount' AND amount_minor <= 0) OR (kind <> 'discount' AND amount_minor >= 0))
) RIGHTS (SELECT, INSERT);

-- external_id: the payment provider's id. reference: the method in lower case, a line break and the provider's id; a
-- payment pays one order.
CREATE TENANT TABLE payments (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    external_id text NOT NULL,
    method text NOT NULL,
    reference word NOT NULL,
    amount_minor int NOT NULL CONSTRAINT payments_amount_not_negative CHECK (amount_minor >= 0),
    currency text NOT NULL CONSTRAINT payments_currency_code CHECK (length(currency) = 3),
    paid_at time NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, order_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
) RIGHTS (SELECT, INSERT);

-- payment_id: the payment that is given back.
CREATE TENANT TABLE refunds (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    external_id text NOT NULL,
    reference word NOT NULL,
    amount_minor int NOT NULL CONSTRAINT refunds_amount_not_negative CHECK (amount_minor >= 0),
    currency text NOT NULL CONSTRAINT refunds_currency_code CHECK (length(currency) = 3),
    refunded_at time NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, order_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    FOREIGN KEY (tenant_id, order_id, payment_id) REFERENCES payments (tenant_id, order_id, id)
) RIGHTS (SELECT, INSERT);

CREATE TENANT TABLE fulfilments (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    tracking text NOT NULL,
    carrier text NOT NULL,
    shipped_at time NOT NULL,
    signature text,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, order_id, id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);

CREATE TENANT TABLE order_history (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    version int NOT NULL,
    transition text NOT NULL,
    from_status text,
    to_status text NOT NULL,
    actor text NOT NULL,
    reason text,
    at time NOT NULL,
    PRIMARY KEY (tenant_id, order_id, version),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
) RIGHTS (SELECT, INSERT);

-- Every change of a stock level: the level is their sum. note: the reason of an adjustment in words.
CREATE TENANT TABLE stock_movements (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    variant_id uuid NOT NULL,
    order_id uuid,
    delta int NOT NULL,
    reason text NOT NULL CONSTRAINT stock_movements_reason_known
        CHECK (reason IN ('set', 'reserved', 'released', 'imported', 'adjusted')),
    actor text NOT NULL,
    at time NOT NULL,
    note text CONSTRAINT stock_movements_note_length CHECK (length(note) BETWEEN 1 AND 255),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, order_id, variant_id, reason),
    FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    CONSTRAINT stock_movements_adjustment_has_note CHECK ((reason = 'adjusted') = (note IS NOT NULL))
) RIGHTS (SELECT, INSERT);
CREATE INDEX stock_movements_variant_idx ON stock_movements (tenant_id, variant_id, id);
