-- The catalogue: products, variants, prices, stock levels.

-- Options are names and images are addresses: they are read and written with their product only. search_text: title and
-- vendor in lower case, since SQLite's lower() knows ASCII only.
CREATE TENANT TABLE products (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    handle text NOT NULL,
    status text NOT NULL CONSTRAINT products_status_known CHECK (status IN ('draft', 'active', 'archived')),
    title text NOT NULL,
    description_html text NOT NULL,
    vendor text,
    product_type text,
    tags json NOT NULL,
    options json NOT NULL,
    images json NOT NULL,
    search_text text NOT NULL,
    created_at time NOT NULL,
    updated_at time NOT NULL,
    deleted_at time,
    version int NOT NULL CONSTRAINT products_version_positive CHECK (version > 0),
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX ON products (tenant_id, handle) WHERE deleted_at IS NULL;
CREATE INDEX products_status_idx ON products (tenant_id, status, id) WHERE deleted_at IS NULL;
CREATE INDEX products_in_use_idx ON products (tenant_id, id) WHERE deleted_at IS NULL;
CREATE INDEX products_vendor_idx ON products (tenant_id, vendor, id) WHERE deleted_at IS NULL;
CREATE INDEX products_changed_idx ON products (tenant_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX products_deleted_idx ON products (tenant_id, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX products_deleted_changed_idx ON products (tenant_id, updated_at, id) WHERE deleted_at IS NOT NULL;

-- A SKU names a variant for people and may occur twice, as in the shops that are imported.
CREATE TENANT TABLE variants (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    product_id uuid NOT NULL,
    position int NOT NULL,
    sku text,
    barcode text,
    title text NOT NULL,
    option_values json NOT NULL,
    weight_grams int CONSTRAINT variants_weight_not_negative CHECK (weight_grams >= 0),
    deleted_at time,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, product_id) REFERENCES products (tenant_id, id)
);
CREATE INDEX variants_product_idx ON variants (tenant_id, product_id, position, id);
CREATE INDEX variants_sku_idx ON variants (tenant_id, sku) WHERE sku IS NOT NULL;

CREATE TENANT TABLE prices (
    tenant_id uuid NOT NULL,
    variant_id uuid NOT NULL,
    currency text NOT NULL CONSTRAINT prices_currency_code CHECK (length(currency) = 3),
    amount_minor int NOT NULL CONSTRAINT prices_amount_not_negative CHECK (amount_minor >= 0),
    compare_at_minor int CONSTRAINT prices_compare_at_not_negative CHECK (compare_at_minor >= 0),
    PRIMARY KEY (tenant_id, variant_id, currency),
    FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id)
);

-- A variant without a row is not tracked: it can always be sold.
CREATE TENANT TABLE stock_levels (
    tenant_id uuid NOT NULL,
    variant_id uuid NOT NULL,
    available int NOT NULL,
    allow_backorder bool NOT NULL,
    updated_at time NOT NULL,
    PRIMARY KEY (tenant_id, variant_id),
    FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id),
    CONSTRAINT stock_levels_not_oversold CHECK (available >= 0 OR allow_backorder)
);
