-- Made from schema/0018_home.sql by `cargo run -p xtask -- schema`: change that file.

-- placed_on: the day of the placement in the tenant's time zone as it then was, in days since 1970-01-01; NULL for orders of
-- older servers, which are in no total.
ALTER TABLE orders ADD COLUMN placed_on INTEGER;

-- What was ordered per day and currency, without cancelled orders (docs/adr/0042). slot: that of the order's number, so that
-- orders that are placed at once write different rows.
CREATE TABLE sales_days (
    tenant_id BLOB NOT NULL CONSTRAINT sales_days_tenant_id_fkey REFERENCES tenants (id),
    currency TEXT NOT NULL CONSTRAINT sales_days_currency_code CHECK (length(currency) = 3),
    day INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    orders INTEGER NOT NULL,
    total_minor INTEGER NOT NULL,
    CONSTRAINT "sales_days(currency,day,slot)" PRIMARY KEY (tenant_id, currency, day, slot)
) STRICT;

-- Customers are found by the words of their addresses.
CREATE TABLE search_terms_rebuilt (
    tenant_id BLOB NOT NULL CONSTRAINT search_terms_tenant_id_fkey REFERENCES tenants (id),
    kind TEXT NOT NULL,
    term TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    locale TEXT NOT NULL,
    CONSTRAINT "search_terms(kind,term,subject_id,locale)" PRIMARY KEY (tenant_id, kind, term, subject_id, locale),
    CONSTRAINT search_terms_kind_known CHECK (kind IN ('node', 'product', 'customer'))
) STRICT, WITHOUT ROWID;
INSERT INTO search_terms_rebuilt (tenant_id, kind, term, subject_id, locale) SELECT tenant_id, kind, term, subject_id, locale FROM search_terms;
DROP TABLE search_terms;
ALTER TABLE search_terms_rebuilt RENAME TO search_terms;
CREATE INDEX stock_levels_low_idx ON stock_levels (tenant_id, available, variant_id) WHERE available < 100;
