-- The first schema: the tenant directory, and every table of tenant data with tenant_id first in each key.
-- A unique key is named after its table and its columns but tenant_id, since its error tells nothing but the name:
-- PostgreSQL hides the columns where row security is on.

-- Platform tables: the short list without tenant data. Only rustok_platform may touch them.

-- directory_version: which change of the directory was the last to touch this tenant or its hosts.
CREATE TABLE tenants (
    id uuid NOT NULL CONSTRAINT "tenants(id)" PRIMARY KEY,
    slug text NOT NULL CONSTRAINT "tenants(slug)" UNIQUE,
    name text NOT NULL,
    status text NOT NULL CHECK (status IN ('active', 'suspended')),
    settings jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    directory_version bigint NOT NULL
);
CREATE INDEX tenants_directory_version_idx ON tenants (directory_version);

CREATE TABLE tenant_hosts (
    host text NOT NULL CONSTRAINT "tenant_hosts(host)" PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    created_at timestamptz NOT NULL
);
CREATE INDEX tenant_hosts_tenant_idx ON tenant_hosts (tenant_id, host);

CREATE TABLE platform_tokens (
    id uuid NOT NULL CONSTRAINT "platform_tokens(id)" PRIMARY KEY,
    name text NOT NULL,
    hash bytea NOT NULL CONSTRAINT "platform_tokens(hash)" UNIQUE,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE TABLE directory_version (
    id bigint NOT NULL CONSTRAINT "directory_version(id)" PRIMARY KEY CHECK (id = 1),
    version bigint NOT NULL
);
INSERT INTO directory_version (id, version) VALUES (1, 1);

-- Access.

CREATE TABLE api_tokens (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'editor', 'viewer')),
    hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT "api_tokens(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "api_tokens(hash)" UNIQUE (tenant_id, hash)
);

-- Content.

CREATE TABLE authors (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    login text NOT NULL,
    display_name text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT "authors(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "authors(login)" UNIQUE (tenant_id, login)
);

CREATE TABLE terms (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    taxonomy text NOT NULL CHECK (taxonomy IN ('category', 'tag')),
    slug text NOT NULL,
    name text NOT NULL,
    parent_id uuid,
    created_at timestamptz NOT NULL,
    CONSTRAINT "terms(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "terms(taxonomy,slug)" UNIQUE (tenant_id, taxonomy, slug),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES terms (tenant_id, id),
    CHECK (parent_id IS NULL OR taxonomy = 'category')
);
CREATE INDEX terms_parent_idx ON terms (tenant_id, parent_id);

CREATE TABLE nodes (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    kind text NOT NULL,
    status text NOT NULL CHECK (status IN ('draft', 'published', 'archived')),
    author_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    published_at timestamptz,
    archived_at timestamptz,
    archive_reason text,
    deleted_at timestamptz,
    working_revision bigint NOT NULL CHECK (working_revision > 0),
    published_revision bigint,
    version bigint NOT NULL CHECK (version > 0),
    CONSTRAINT "nodes(id)" PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, author_id) REFERENCES authors (tenant_id, id),
    CHECK ((status = 'published') = (published_revision IS NOT NULL)),
    CHECK (status = 'draft' OR published_at IS NOT NULL),
    CHECK ((status = 'archived') = (archived_at IS NOT NULL)),
    CHECK ((status = 'archived') = (archive_reason IS NOT NULL)),
    CHECK (published_revision BETWEEN 1 AND working_revision),
    CHECK (deleted_at IS NULL OR status <> 'published')
);
CREATE INDEX nodes_published_idx ON nodes (tenant_id, status, published_at, id);
CREATE INDEX nodes_kind_idx ON nodes (tenant_id, kind, status, published_at, id);

-- One immutable save of a node in one locale.
CREATE TABLE node_revisions (
    tenant_id uuid NOT NULL,
    node_id uuid NOT NULL,
    revision bigint NOT NULL CHECK (revision > 0),
    locale text NOT NULL,
    title text NOT NULL,
    slug text NOT NULL,
    excerpt text NOT NULL,
    body text NOT NULL,
    format text NOT NULL CHECK (format IN ('html', 'markdown')),
    body_html text NOT NULL,
    actor text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT "node_revisions(node_id,locale,revision)" PRIMARY KEY (tenant_id, node_id, locale, revision),
    FOREIGN KEY (tenant_id, node_id) REFERENCES nodes (tenant_id, id)
);

-- Which revision of a locale is worked on and which is live; slugs are NULL while the node is deleted. title_search is
-- the working title in the form that searches are compared with.
CREATE TABLE node_translations (
    tenant_id uuid NOT NULL,
    node_id uuid NOT NULL,
    locale text NOT NULL,
    slug text,
    title_search text NOT NULL,
    working_revision bigint NOT NULL,
    published_slug text,
    published_revision bigint,
    CONSTRAINT "node_translations(node_id,locale)" PRIMARY KEY (tenant_id, node_id, locale),
    CONSTRAINT "node_translations(slug,locale)" UNIQUE (tenant_id, slug, locale),
    CONSTRAINT "node_translations(published_slug,locale)" UNIQUE (tenant_id, published_slug, locale),
    FOREIGN KEY (tenant_id, node_id, locale, working_revision)
        REFERENCES node_revisions (tenant_id, node_id, locale, revision),
    FOREIGN KEY (tenant_id, node_id, locale, published_revision)
        REFERENCES node_revisions (tenant_id, node_id, locale, revision),
    CHECK ((published_slug IS NULL) = (published_revision IS NULL)),
    CHECK (published_revision <= working_revision)
);

CREATE TABLE node_terms (
    tenant_id uuid NOT NULL,
    node_id uuid NOT NULL,
    term_id uuid NOT NULL,
    CONSTRAINT "node_terms(node_id,term_id)" PRIMARY KEY (tenant_id, node_id, term_id),
    FOREIGN KEY (tenant_id, node_id) REFERENCES nodes (tenant_id, id),
    FOREIGN KEY (tenant_id, term_id) REFERENCES terms (tenant_id, id)
);
CREATE INDEX node_terms_term_idx ON node_terms (tenant_id, term_id, node_id);

CREATE TABLE node_history (
    tenant_id uuid NOT NULL,
    node_id uuid NOT NULL,
    version bigint NOT NULL,
    transition text NOT NULL,
    from_status text,
    to_status text NOT NULL,
    actor text NOT NULL,
    reason text,
    at timestamptz NOT NULL,
    CONSTRAINT "node_history(node_id,version)" PRIMARY KEY (tenant_id, node_id, version),
    FOREIGN KEY (tenant_id, node_id) REFERENCES nodes (tenant_id, id)
);

-- Catalogue.

-- Options are names and images are addresses: they are read and written with their product only. search_text is title
-- and vendor in lower case: SQLite's lower() knows ASCII only.
CREATE TABLE products (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    handle text NOT NULL,
    status text NOT NULL CHECK (status IN ('draft', 'active', 'archived')),
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
    version bigint NOT NULL CHECK (version > 0),
    CONSTRAINT "products(id)" PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX "products(handle)" ON products (tenant_id, handle) WHERE deleted_at IS NULL;
CREATE INDEX products_status_idx ON products (tenant_id, status, id) WHERE deleted_at IS NULL;

-- A SKU names a variant for people and may stand twice, as in the shops that are imported.
CREATE TABLE variants (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    product_id uuid NOT NULL,
    position bigint NOT NULL,
    sku text,
    barcode text,
    title text NOT NULL,
    option_values jsonb NOT NULL,
    weight_grams bigint CHECK (weight_grams >= 0),
    deleted_at timestamptz,
    CONSTRAINT "variants(id)" PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, product_id) REFERENCES products (tenant_id, id)
);
CREATE INDEX variants_product_idx ON variants (tenant_id, product_id, position, id);
CREATE INDEX variants_sku_idx ON variants (tenant_id, sku) WHERE sku IS NOT NULL;

CREATE TABLE prices (
    tenant_id uuid NOT NULL,
    variant_id uuid NOT NULL,
    currency text NOT NULL CHECK (length(currency) = 3),
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    compare_at_minor bigint CHECK (compare_at_minor >= 0),
    CONSTRAINT "prices(variant_id,currency)" PRIMARY KEY (tenant_id, variant_id, currency),
    FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id)
);

-- A variant without a row is not tracked: it can always be sold.
CREATE TABLE stock_levels (
    tenant_id uuid NOT NULL,
    variant_id uuid NOT NULL,
    available bigint NOT NULL,
    allow_backorder boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT "stock_levels(variant_id)" PRIMARY KEY (tenant_id, variant_id),
    FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id),
    CHECK (available >= 0 OR allow_backorder)
);

-- Sales.

CREATE TABLE customers (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    email text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT "customers(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "customers(email)" UNIQUE (tenant_id, email)
);

CREATE TABLE orders (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    email text NOT NULL,
    status text NOT NULL
        CHECK (status IN ('pending', 'confirmed', 'paid', 'shipped', 'delivered', 'cancelled')),
    currency text NOT NULL CHECK (length(currency) = 3),
    total_minor bigint NOT NULL CHECK (total_minor >= 0),
    secret_hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz,
    confirmed_at timestamptz,
    payment_id text,
    tracking text,
    delivered_at timestamptz,
    cancelled_at timestamptz,
    cancel_reason text,
    refund_id text,
    version bigint NOT NULL CHECK (version > 0),
    CONSTRAINT "orders(id)" PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
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
);
CREATE INDEX orders_status_idx ON orders (tenant_id, status, id);
CREATE INDEX orders_customer_idx ON orders (tenant_id, customer_id, id);

CREATE TABLE payments (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    payment_id text NOT NULL,
    method text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    paid_at timestamptz NOT NULL,
    CONSTRAINT "payments(order_id)" PRIMARY KEY (tenant_id, order_id),
    CONSTRAINT "payments(order_id,payment_id)" UNIQUE (tenant_id, order_id, payment_id)
);

CREATE TABLE refunds (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    refund_id text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    refunded_at timestamptz NOT NULL,
    CONSTRAINT "refunds(order_id)" PRIMARY KEY (tenant_id, order_id),
    CONSTRAINT "refunds(order_id,refund_id)" UNIQUE (tenant_id, order_id, refund_id)
);

CREATE TABLE fulfilments (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    tracking text NOT NULL,
    carrier text NOT NULL,
    shipped_at timestamptz NOT NULL,
    signature text,
    CONSTRAINT "fulfilments(order_id)" PRIMARY KEY (tenant_id, order_id),
    CONSTRAINT "fulfilments(order_id,tracking)" UNIQUE (tenant_id, order_id, tracking)
);

CREATE TABLE order_lines (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    position bigint NOT NULL,
    variant_id uuid NOT NULL,
    product_id uuid NOT NULL,
    title text NOT NULL,
    variant_title text NOT NULL,
    sku text,
    quantity bigint NOT NULL CHECK (quantity > 0),
    unit_price_minor bigint NOT NULL CHECK (unit_price_minor >= 0),
    stock_taken boolean NOT NULL,
    CONSTRAINT "order_lines(order_id,position)" PRIMARY KEY (tenant_id, order_id, position),
    CONSTRAINT "order_lines(order_id,variant_id)" UNIQUE (tenant_id, order_id, variant_id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id),
    FOREIGN KEY (tenant_id, product_id) REFERENCES products (tenant_id, id)
);

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
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);

-- Every change of a stock level, never updated: the level is their sum.
CREATE TABLE stock_movements (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    variant_id uuid NOT NULL,
    order_id uuid,
    delta bigint NOT NULL,
    reason text NOT NULL CHECK (reason IN ('set', 'reserved', 'released', 'imported')),
    actor text NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT "stock_movements(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "stock_movements(order_id,variant_id,reason)" UNIQUE (tenant_id, order_id, variant_id, reason),
    FOREIGN KEY (tenant_id, variant_id) REFERENCES variants (tenant_id, id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);
CREATE INDEX stock_movements_variant_idx ON stock_movements (tenant_id, variant_id, id);

-- What happens later, and what was answered.

CREATE TABLE outbox (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    topic text NOT NULL,
    subject_id uuid NOT NULL,
    payload jsonb NOT NULL,
    traceparent text,
    occurred_at timestamptz NOT NULL,
    delivered_at timestamptz,
    CONSTRAINT "outbox(id)" PRIMARY KEY (tenant_id, id)
);
CREATE INDEX outbox_waiting_idx ON outbox (occurred_at) WHERE delivered_at IS NULL;

CREATE TABLE due_work (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('expire_order')),
    subject_id uuid NOT NULL,
    due_at timestamptz NOT NULL,
    CONSTRAINT "due_work(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "due_work(kind,subject_id)" UNIQUE (tenant_id, kind, subject_id)
);
CREATE INDEX due_work_due_idx ON due_work (due_at);

CREATE TABLE idempotency_records (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    actor text NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    body_hash bytea NOT NULL,
    status bigint NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT "idempotency_records(actor,route,key)" PRIMARY KEY (tenant_id, actor, route, key)
);
CREATE INDEX idempotency_records_created_idx ON idempotency_records (tenant_id, created_at);

CREATE TABLE import_references (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    source text NOT NULL CHECK (source IN ('shopify', 'wordpress')),
    kind text NOT NULL CHECK (kind IN ('product', 'node')),
    external_id text NOT NULL,
    subject_id uuid NOT NULL,
    hash bytea NOT NULL,
    imported_at timestamptz NOT NULL,
    CONSTRAINT "import_references(source,kind,external_id)" PRIMARY KEY (tenant_id, source, kind, external_id)
);

-- The keys between orders and what they point to, in both directions.

ALTER TABLE payments ADD FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id);
ALTER TABLE orders ADD FOREIGN KEY (tenant_id, id, payment_id) REFERENCES payments (tenant_id, order_id, payment_id);
ALTER TABLE refunds ADD FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id);
ALTER TABLE orders ADD FOREIGN KEY (tenant_id, id, refund_id) REFERENCES refunds (tenant_id, order_id, refund_id);
ALTER TABLE fulfilments ADD FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id);
ALTER TABLE orders ADD FOREIGN KEY (tenant_id, id, tracking) REFERENCES fulfilments (tenant_id, order_id, tracking);

-- Who may do what. Tenant data: row security, forced also for the owner.

GRANT SELECT, INSERT, UPDATE, DELETE ON tenants, tenant_hosts, platform_tokens, directory_version TO rustok_platform;
GRANT SELECT ON schema_migrations TO rustok_platform;

GRANT SELECT, INSERT, UPDATE, DELETE ON api_tokens TO rustok_app;
ALTER TABLE api_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_tokens TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON authors TO rustok_app;
ALTER TABLE authors ENABLE ROW LEVEL SECURITY;
ALTER TABLE authors FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON authors TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON terms TO rustok_app;
ALTER TABLE terms ENABLE ROW LEVEL SECURITY;
ALTER TABLE terms FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON terms TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON nodes TO rustok_app;
ALTER TABLE nodes ENABLE ROW LEVEL SECURITY;
ALTER TABLE nodes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON nodes TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT ON node_revisions TO rustok_app;
ALTER TABLE node_revisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE node_revisions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON node_revisions TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON node_translations TO rustok_app;
ALTER TABLE node_translations ENABLE ROW LEVEL SECURITY;
ALTER TABLE node_translations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON node_translations TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON node_terms TO rustok_app;
ALTER TABLE node_terms ENABLE ROW LEVEL SECURITY;
ALTER TABLE node_terms FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON node_terms TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT ON node_history TO rustok_app;
ALTER TABLE node_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE node_history FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON node_history TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON products TO rustok_app;
ALTER TABLE products ENABLE ROW LEVEL SECURITY;
ALTER TABLE products FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON products TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON variants TO rustok_app;
ALTER TABLE variants ENABLE ROW LEVEL SECURITY;
ALTER TABLE variants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON variants TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON prices TO rustok_app;
ALTER TABLE prices ENABLE ROW LEVEL SECURITY;
ALTER TABLE prices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON prices TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON stock_levels TO rustok_app;
ALTER TABLE stock_levels ENABLE ROW LEVEL SECURITY;
ALTER TABLE stock_levels FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON stock_levels TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON customers TO rustok_app;
ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE customers FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON customers TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO rustok_app;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON orders TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT ON payments TO rustok_app;
ALTER TABLE payments ENABLE ROW LEVEL SECURITY;
ALTER TABLE payments FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON payments TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT ON refunds TO rustok_app;
ALTER TABLE refunds ENABLE ROW LEVEL SECURITY;
ALTER TABLE refunds FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON refunds TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON fulfilments TO rustok_app;
ALTER TABLE fulfilments ENABLE ROW LEVEL SECURITY;
ALTER TABLE fulfilments FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON fulfilments TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT ON order_lines TO rustok_app;
ALTER TABLE order_lines ENABLE ROW LEVEL SECURITY;
ALTER TABLE order_lines FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON order_lines TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT ON order_history TO rustok_app;
ALTER TABLE order_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE order_history FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON order_history TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT ON stock_movements TO rustok_app;
ALTER TABLE stock_movements ENABLE ROW LEVEL SECURITY;
ALTER TABLE stock_movements FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON stock_movements TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO rustok_app;
ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON outbox TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON due_work TO rustok_app;
ALTER TABLE due_work ENABLE ROW LEVEL SECURITY;
ALTER TABLE due_work FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON due_work TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_records TO rustok_app;
ALTER TABLE idempotency_records ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_records FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON idempotency_records TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON import_references TO rustok_app;
ALTER TABLE import_references ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_references FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON import_references TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

-- What workers claim across tenants.

GRANT SELECT, UPDATE, DELETE ON outbox TO rustok_platform;
CREATE POLICY platform ON outbox TO rustok_platform USING (true) WITH CHECK (true);
GRANT SELECT ON due_work TO rustok_platform;
CREATE POLICY platform ON due_work TO rustok_platform USING (true);
