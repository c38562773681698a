-- Made from schema/0018_home.sql by `cargo run -p xtask -- schema`: change that file.

-- placed_on: the day of the placement in the tenant's time zone as it then was, in days since 1970-01-01; NULL for orders of
-- older servers, which are in no total.
ALTER TABLE orders ADD COLUMN placed_on bigint;

-- What was ordered per day and currency, without cancelled orders (docs/adr/0042). slot: that of the order's number, so that
-- orders that are placed at once write different rows.
CREATE TABLE sales_days (
    tenant_id uuid NOT NULL CONSTRAINT sales_days_tenant_id_fkey REFERENCES tenants (id),
    currency text NOT NULL CONSTRAINT sales_days_currency_code CHECK (length(currency) = 3),
    day bigint NOT NULL,
    slot bigint NOT NULL,
    orders bigint NOT NULL,
    total_minor bigint NOT NULL,
    CONSTRAINT "sales_days(currency,day,slot)" PRIMARY KEY (tenant_id, currency, day, slot)
);
GRANT SELECT, INSERT, UPDATE ON sales_days TO rustok_app;
GRANT SELECT ON sales_days TO rustok_backup;
ALTER TABLE sales_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE sales_days FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON sales_days TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON sales_days FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');

-- Customers are found by the words of their addresses.
ALTER TABLE search_terms DROP CONSTRAINT search_terms_kind_known;

ALTER TABLE search_terms ADD CONSTRAINT search_terms_kind_known CHECK (kind IN ('node', 'product', 'customer'));
CREATE INDEX stock_levels_low_idx ON stock_levels (tenant_id, available, variant_id) WHERE available < 100;
