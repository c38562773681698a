-- The first schema: the tenant directory, and every table of tenant data with tenant_id first in each key.

-- Platform tables: the short list without tenant data. Only rustok_platform may touch them.

-- directory_version: which change of the directory was the last to touch this tenant or its hosts.
CREATE TABLE tenants (
    id BLOB NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
    settings TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    directory_version INTEGER NOT NULL
) STRICT;
CREATE INDEX tenants_directory_version_idx ON tenants (directory_version);

CREATE TABLE tenant_hosts (
    host TEXT NOT NULL PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX tenant_hosts_tenant_idx ON tenant_hosts (tenant_id, host);

CREATE TABLE platform_tokens (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE TABLE directory_version (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO directory_version (id, version) VALUES (1, 1);

-- Access.

CREATE TABLE api_tokens (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'editor', 'viewer')),
    hash BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, hash)
) STRICT;

-- Content.

CREATE TABLE authors (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id BLOB NOT NULL,
    login TEXT NOT NULL,
    display_name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, login)
) STRICT;

CREATE TABLE terms (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id BLOB NOT NULL,
    taxonomy TEXT NOT NULL CHECK (taxonomy IN ('category', 'tag')),
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    parent_id BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, taxonomy, slug),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES terms (tenant_id, id),
    CHECK (parent_id IS NULL OR taxonomy = 'category')
) STRICT;
CREATE INDEX terms_parent_idx ON terms (tenant_id, parent_id);

CREATE TABLE nodes (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('draft', 'published', 'archived')),
    author_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    published_at INTEGER,
    archived_at INTEGER,
    archive_reason TEXT,
    deleted_at INTEGER,
    working_revision INTEGER NOT NULL CHECK (working_revision > 0),
    published_revision INTEGER,
    version INTEGER NOT NULL CHECK (version > 0),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, author_id) REFERENCES authors (tenant_id, id),
    CHECK ((status = 'published') = (published_revision IS NOT NULL)),
    CHECK (status = 'draft' OR published_at IS NOT NULL),
    CHECK ((status = 'archived') = (archived_at IS NOT NULL)),
    CHECK ((status = 'archived') = (archive_reason IS NOT NULL)),
    CHECK (published_revision BETWEEN 1 AND working_revision),
    CHECK (deleted_at IS NULL OR status <> 'published')
) STRICT;
CREATE INDEX nodes_published_idx ON nodes (tenant_id, status, published_at, id);
CREATE INDEX nodes_kind_idx ON nodes (tenant_id, kind, status, published_at, id);

-- One immutable save of a node in one locale.
CREATE TABLE node_revisions (
    tenant_id BLOB NOT NULL,
    node_id BLOB NOT NULL,
    revision INTEGER NOT NULL CHECK (revision > 0),
    locale TEXT NOT NULL,
    title TEXT NOT NULL,
    slug TEXT NOT NULL,
    excerpt TEXT NOT NULL,
    body TEXT NOT NULL,
    format TEXT NOT NULL CHECK (format IN ('html', 'markdown')),
    body_html TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, node_id, locale, revision),
    FOREIGN KEY (tenant_id, node_id) REFERENCES nodes (tenant_id, id)
) STRICT;

-- Which revision of a locale is worked on and which is live; slugs are NULL while the node is deleted. title_search is
-- the working title in the form that searches are compared with.
CREATE TABLE node_translations (
    tenant_id BLOB NOT NULL,
    node_id BLOB NOT NULL,
    locale TEXT NOT NULL,
    slug TEXT,
    title_search TEXT NOT NULL,
    working_revision INTEGER NOT NULL,
    published_slug TEXT,
    published_revision INTEGER,
    PRIMARY KEY (tenant_id, node_id, locale),
    UNIQUE (tenant_id, slug, locale),
    UNIQUE (tenant_id, published_slug, locale),
    FOREIGN KEY (tenant_id, node_id, locale, working_revision)
        REFERENCES node_revisions (tenant_id, node_id, locale, revision),
    FOREIGN KEY (tenant_id, node_id, locale, published_revision)
        REFERENCES node_revisions (tenant_id, node_id, locale, revision),
    CHECK ((published_slug IS NULL) = (published_revision IS NULL)),
    CHECK (published_revision <= working_revision)
) STRICT;

CREATE TABLE node_terms (
    tenant_id BLOB NOT NULL,
    node_id BLOB NOT NULL,
    term_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, node_id, term_id),
    FOREIGN KEY (tenant_id, node_id) REFERENCES nodes (tenant_id, id),
    FOREIGN KEY (tenant_id, term_id) REFERENCES terms (tenant_id, id)
) STRICT;
CREATE INDEX node_terms_term_idx ON node_terms (tenant_id, term_id, node_id);

CREATE TABLE node_history (
    tenant_id BLOB NOT NULL,
    node_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    transition TEXT NOT NULL,
    from_status TEXT,
    to_status TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, node_id, version),
    FOREIGN KEY (tenant_id, node_id) REFERENCES nodes (tenant_id, id)
) STRICT;

-- Catalogue.

-- Options are names and images are addresses: they are read and written with their product only. search_text is title
-- and vendor in lower case: SQLite's lower() knows ASCII only.
CREATE TABLE products (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id BLOB NOT NULL,
    handle TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('draft', 'active', 'archived')),
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
    version INTEGER NOT NULL CHECK (version > 0),
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE UNIQUE INDEX products_handle_key ON products (tenant_id, handle) WHERE deleted_at IS NULL;
CREATE INDEX products_status_idx ON products (tenant_id, status, id) WHERE deleted_at IS NULL;

-- A SKU names a variant for people and may stand twice, as in the shops that are imported.
CREATE TABLE variants (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    product_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    sku TEXT,
    barcode TEXT,
    title TEXT NOT NULL,
    option_values TEXT NOT NULL,
    weight_grams INTEGER CHECK (weight_grams >= 0),
    deleted_at INTEGER,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, product_id) REFERENCES products (tenant_id, id)
) STRICT;
CREATE INDEX variants_product_idx ON variants (tenant_id, product_id, position, id);
CREATE INDEX variants_sku_idx ON variants (tenant_id, sku) WHERE sku IS NOT NULL;

CREATE TABLE prices (
    tenant_id BLOB NOT NULL,
    variant_id BLOB NOT NULL,
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0),
    compare_at_minor INTEGER CHECK (compare_at_minor >= 0),
    PRIMARY KEY (tenant_id, variant_id, currency),
    FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id)
) STRICT;

-- A variant without a row is not tracked: it can always be sold.
CREATE TABLE stock_levels (
    tenant_id BLOB NOT NULL,
    variant_id BLOB NOT NULL,
    available INTEGER NOT NULL,
    allow_backorder INTEGER NOT NULL CHECK (allow_backorder IN (0, 1)),
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, variant_id),
    FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id),
    CHECK (available >= 0 OR allow_backorder)
) STRICT;

-- Sales.

CREATE TABLE customers (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id BLOB NOT NULL,
    email TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, email)
) STRICT;

CREATE TABLE orders (
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
    CHECK ((status = 'pending') = (expires_at IS NOT NULL)),
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
CREATE INDEX orders_status_idx ON orders (tenant_id, status, id);
CREATE INDEX orders_customer_idx ON orders (tenant_id, customer_id, id);

CREATE TABLE payments (
    tenant_id BLOB NOT NULL,
    order_id BLOB NOT NULL,
    payment_id TEXT NOT NULL,
    method TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    paid_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, order_id),
    UNIQUE (tenant_id, order_id, payment_id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
) STRICT;

CREATE TABLE refunds (
    tenant_id BLOB NOT NULL,
    order_id BLOB NOT NULL,
    refund_id TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    refunded_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, order_id),
    UNIQUE (tenant_id, order_id, refund_id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
) STRICT;

CREATE TABLE fulfilments (
    tenant_id BLOB NOT NULL,
    order_id BLOB NOT NULL,
    tracking TEXT NOT NULL,
    carrier TEXT NOT NULL,
    shipped_at INTEGER NOT NULL,
    signature TEXT,
    PRIMARY KEY (tenant_id, order_id),
    UNIQUE (tenant_id, order_id, tracking),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
) STRICT;

CREATE TABLE order_lines (
    tenant_id BLOB NOT NULL,
    order_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    variant_id BLOB NOT NULL,
    product_id BLOB NOT NULL,
    title TEXT NOT NULL,
    variant_title TEXT NOT NULL,
    sku TEXT,
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    unit_price_minor INTEGER NOT NULL CHECK (unit_price_minor >= 0),
    stock_taken INTEGER NOT NULL CHECK (stock_taken IN (0, 1)),
    PRIMARY KEY (tenant_id, order_id, position),
    UNIQUE (tenant_id, order_id, variant_id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id),
    FOREIGN KEY (tenant_id, product_id) REFERENCES products (tenant_id, id)
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
    PRIMARY KEY (tenant_id, order_id, version),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
) STRICT;

-- Every change of a stock level, never updated: the level is their sum.
CREATE TABLE stock_movements (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    variant_id BLOB NOT NULL,
    order_id BLOB,
    delta INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('set', 'reserved', 'released', 'imported')),
    actor TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, order_id, variant_id, reason),
    FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
) STRICT;
CREATE INDEX stock_movements_variant_idx ON stock_movements (tenant_id, variant_id, id);

-- What happens later, and what was answered.

CREATE TABLE outbox (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id BLOB NOT NULL,
    topic TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    payload TEXT NOT NULL,
    traceparent TEXT,
    occurred_at INTEGER NOT NULL,
    delivered_at INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX outbox_waiting_idx ON outbox (occurred_at) WHERE delivered_at IS NULL;

CREATE TABLE due_work (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('expire_order')),
    subject_id BLOB NOT NULL,
    due_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, kind, subject_id)
) STRICT;
CREATE INDEX due_work_due_idx ON due_work (due_at);

CREATE TABLE idempotency_records (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    actor TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, actor, route, key)
) STRICT;
CREATE INDEX idempotency_records_created_idx ON idempotency_records (tenant_id, created_at);

CREATE TABLE import_references (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    source TEXT NOT NULL CHECK (source IN ('shopify', 'wordpress')),
    kind TEXT NOT NULL CHECK (kind IN ('product', 'node')),
    external_id TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    imported_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, source, kind, external_id)
) STRICT;
