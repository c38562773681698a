-- placed_on: the day of the placement in the tenant's time zone as it then was, in days since 1970-01-01; NULL for orders of
-- older servers, which are in no total.
ALTER TABLE orders ADD COLUMN placed_on int;

-- What was ordered per day and currency, without cancelled orders (docs/adr/0042). slot: that of the order's number, so that
-- orders that are placed at once write different rows.
CREATE TENANT TABLE sales_days (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    currency text NOT NULL CONSTRAINT sales_days_currency_code CHECK (length(currency) = 3),
    day int NOT NULL,
    slot int NOT NULL,
    orders int NOT NULL,
    total_minor int NOT NULL,
    PRIMARY KEY (tenant_id, currency, day, slot)
) RIGHTS (SELECT, INSERT, UPDATE);

-- Customers are found by the words of their addresses.
ALTER TABLE search_terms DROP CONSTRAINT search_terms_kind_known;
ALTER TABLE search_terms ADD CONSTRAINT search_terms_kind_known CHECK (kind IN ('node', 'product', 'customer'));

CREATE INDEX stock_levels_low_idx ON stock_levels (tenant_id, available, variant_id) WHERE available < 100;
