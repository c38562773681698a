-- Made from schema/0004_catalog.sql by `cargo run -p xtask -- schema`: change that file.

-- The catalogue: products, variants, prices, stock levels.

-- Options are names and images are addresses: they are read and written with their product only. search_text: title and
-- vendor in lower case, since SQLite's lower() knows ASCII only.
CREATE TABLE products (
    tenant_id BLOB NOT NULL CONSTRAINT products_tenant_id_fkey REFERENCES tenants (id),
    id BLOB NOT NULL,
    handle TEXT NOT NULL,
    status TEXT NOT NULL CONSTRAINT products_status_known CHECK (status IN ('draft', 'active', 'archived')),
    title TEXT NOT NULL,
    description_html TEXT NOT NULL,
    vendor TEXT,
    product_type TEXT,
    tags TEXT NOT NULL,
    options TEXT NOT NULL,
    images TEXT NOT NULL,
    search_text TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    version INTEGER NOT NULL CONSTRAINT products_version_positive CHECK (version > 0),
    CONSTRAINT "products(id)" PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE UNIQUE INDEX "products(handle)" ON products (tenant_id, handle) WHERE deleted_at IS NULL;
CREATE INDEX products_status_idx ON products (tenant_id, status, id) WHERE deleted_at IS NULL;
CREATE INDEX products_in_use_idx ON products (tenant_id, id) WHERE deleted_at IS NULL;
CREATE INDEX products_vendor_idx ON products (tenant_id, vendor, id) WHERE deleted_at IS NULL;
CREATE INDEX products_changed_idx ON products (tenant_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX products_deleted_idx ON products (tenant_id, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX products_deleted_changed_idx ON products (tenant_id, updated_at, id) WHERE deleted_at IS NOT NULL;

-- A SKU names a variant for people and may occur twice, as in the shops that are imported.
CREATE TABLE variants (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    product_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    sku TEXT,
    barcode TEXT,
    title TEXT NOT NULL,
    option_values TEXT NOT NULL,
    weight_grams INTEGER CONSTRAINT variants_weight_not_negative CHECK (weight_grams >= 0),
    deleted_at INTEGER,
    CONSTRAINT "variants(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT variants_product_id_fkey FOREIGN KEY (tenant_id, product_id) REFERENCES products (tenant_id, id)
) STRICT;
CREATE INDEX variants_product_idx ON variants (tenant_id, product_id, position, id);
CREATE INDEX variants_sku_idx ON variants (tenant_id, sku) WHERE sku IS NOT NULL;

CREATE TABLE prices (
    tenant_id BLOB NOT NULL,
    variant_id BLOB NOT NULL,
    currency TEXT NOT NULL CONSTRAINT prices_currency_code CHECK (length(currency) = 3),
    amount_minor INTEGER NOT NULL CONSTRAINT prices_amount_not_negative CHECK (amount_minor >= 0),
    compare_at_minor INTEGER CONSTRAINT prices_compare_at_not_negative CHECK (compare_at_minor >= 0),
    CONSTRAINT "prices(variant_id,currency)" PRIMARY KEY (tenant_id, variant_id, currency),
    CONSTRAINT prices_variant_id_fkey FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id)
) STRICT;

-- A variant without a row is not tracked: it can always be sold.
CREATE TABLE stock_levels (
    tenant_id BLOB NOT NULL,
    variant_id BLOB NOT NULL,
    available INTEGER NOT NULL,
    allow_backorder INTEGER NOT NULL CONSTRAINT stock_levels_allow_backorder_is_bool CHECK (allow_backorder IN (0, 1)),
    updated_at INTEGER NOT NULL,
    CONSTRAINT "stock_levels(variant_id)" PRIMARY KEY (tenant_id, variant_id),
    CONSTRAINT stock_levels_variant_id_fkey FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id),
    CONSTRAINT stock_levels_not_oversold CHECK (available >= 0 OR allow_backorder)
) STRICT;
