-- Made from schema/0004_catalog.sql by `cargo run -p xtask -- schema`: change that file.

-- The catalogue: products, variants, prices, stock levels.

-- Options are names and images are addresses: they are read and written with their product only. search_text: title and
-- vendor in lower case, since SQLite's lower() knows ASCII only.
CREATE TABLE products (
    tenant_id uuid NOT NULL CONSTRAINT products_tenant_id_fkey REFERENCES tenants (id),
    id uuid NOT NULL,
    handle text NOT NULL,
    status text NOT NULL CONSTRAINT products_status_known CHECK (status IN ('draft', 'active', 'archived')),
    title text NOT NULL,
    description_html text NOT NULL,
    vendor text,
    product_type text,
    tags jsonb NOT NULL,
    options jsonb NOT NULL,
    images jsonb NOT NULL,
    search_text text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    version bigint NOT NULL CONSTRAINT products_version_positive CHECK (version > 0),
    CONSTRAINT "products(id)" PRIMARY KEY (tenant_id, id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON products TO rustok_app;
GRANT SELECT ON products TO rustok_backup;
ALTER TABLE products ENABLE ROW LEVEL SECURITY;
ALTER TABLE products FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON products TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON products FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
CREATE UNIQUE INDEX "products(handle)" ON products (tenant_id, handle) WHERE deleted_at IS NULL;
CREATE INDEX products_status_idx ON products (tenant_id, status, id) WHERE deleted_at IS NULL;
CREATE INDEX products_in_use_idx ON products (tenant_id, id) WHERE deleted_at IS NULL;
CREATE INDEX products_vendor_idx ON products (tenant_id, vendor, id) WHERE deleted_at IS NULL;
CREATE INDEX products_changed_idx ON products (tenant_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX products_deleted_idx ON products (tenant_id, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX products_deleted_changed_idx ON products (tenant_id, updated_at, id) WHERE deleted_at IS NOT NULL;

-- A SKU names a variant for people and may occur twice, as in the shops that are imported.
CREATE TABLE variants (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    product_id uuid NOT NULL,
    position bigint NOT NULL,
    sku text,
    barcode text,
    title text NOT NULL,
    option_values jsonb NOT NULL,
    weight_grams bigint CONSTRAINT variants_weight_not_negative CHECK (weight_grams >= 0),
    deleted_at timestamptz,
    CONSTRAINT "variants(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT variants_product_id_fkey FOREIGN KEY (tenant_id, product_id) REFERENCES products (tenant_id, id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON variants TO rustok_app;
GRANT SELECT ON variants TO rustok_backup;
ALTER TABLE variants ENABLE ROW LEVEL SECURITY;
ALTER TABLE variants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON variants TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON variants FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
CREATE INDEX variants_product_idx ON variants (tenant_id, product_id, position, id);
CREATE INDEX variants_sku_idx ON variants (tenant_id, sku) WHERE sku IS NOT NULL;

CREATE TABLE prices (
    tenant_id uuid NOT NULL,
    variant_id uuid NOT NULL,
    currency text NOT NULL CONSTRAINT prices_currency_code CHECK (length(currency) = 3),
    amount_minor bigint NOT NULL CONSTRAINT prices_amount_not_negative CHECK (amount_minor >= 0),
    compare_at_minor bigint CONSTRAINT prices_compare_at_not_negative CHECK (compare_at_minor >= 0),
    CONSTRAINT "prices(variant_id,currency)" PRIMARY KEY (tenant_id, variant_id, currency),
    CONSTRAINT prices_variant_id_fkey FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON prices TO rustok_app;
GRANT SELECT ON prices TO rustok_backup;
ALTER TABLE prices ENABLE ROW LEVEL SECURITY;
ALTER TABLE prices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON prices TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON prices FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');

-- A variant without a row is not tracked: it can always be sold.
CREATE TABLE stock_levels (
    tenant_id uuid NOT NULL,
    variant_id uuid NOT NULL,
    available bigint NOT NULL,
    allow_backorder boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT "stock_levels(variant_id)" PRIMARY KEY (tenant_id, variant_id),
    CONSTRAINT stock_levels_variant_id_fkey FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id),
    CONSTRAINT stock_levels_not_oversold CHECK (available >= 0 OR allow_backorder)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON stock_levels TO rustok_app;
GRANT SELECT ON stock_levels TO rustok_backup;
ALTER TABLE stock_levels ENABLE ROW LEVEL SECURITY;
ALTER TABLE stock_levels FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON stock_levels TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON stock_levels FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
