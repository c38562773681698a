-- Each filter of a list has an index that ends the walk, or its page looks at no more than some hundred entries.

-- Nodes. What readers see has indexes of its own: a draft is in none of them.
DROP INDEX nodes_published_idx;
DROP INDEX nodes_kind_idx;
CREATE INDEX nodes_published_idx ON nodes (tenant_id, published_at, id) WHERE status = 'published';
CREATE INDEX nodes_published_kind_idx ON nodes (tenant_id, kind, published_at, id) WHERE status = 'published';
CREATE INDEX nodes_in_use_idx ON nodes (tenant_id, id) WHERE deleted_at IS NULL;
CREATE INDEX nodes_status_idx ON nodes (tenant_id, status, id) WHERE deleted_at IS NULL;
CREATE INDEX nodes_kind_idx ON nodes (tenant_id, kind, id) WHERE deleted_at IS NULL;
CREATE INDEX nodes_kind_status_idx ON nodes (tenant_id, kind, status, id) WHERE deleted_at IS NULL;
CREATE INDEX nodes_changed_idx ON nodes (tenant_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX nodes_deleted_idx ON nodes (tenant_id, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX nodes_deleted_changed_idx ON nodes (tenant_id, updated_at, id) WHERE deleted_at IS NOT NULL;

-- Since when a node that is filed under a term is public; none while it is not.
ALTER TABLE node_terms ADD COLUMN published_at INTEGER;
UPDATE node_terms SET published_at = (SELECT n.published_at FROM nodes n
    WHERE n.tenant_id = node_terms.tenant_id AND n.id = node_terms.node_id AND n.status = 'published');
CREATE INDEX node_terms_published_idx ON node_terms (tenant_id, term_id, published_at, node_id) WHERE published_at IS NOT NULL;

-- Products.
CREATE INDEX products_in_use_idx ON products (tenant_id, id) WHERE deleted_at IS NULL;
CREATE INDEX products_vendor_idx ON products (tenant_id, vendor, id) WHERE deleted_at IS NULL;
CREATE INDEX products_changed_idx ON products (tenant_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX products_deleted_idx ON products (tenant_id, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX products_deleted_changed_idx ON products (tenant_id, updated_at, id) WHERE deleted_at IS NOT NULL;

-- Orders: all their lists are in the order in which they were placed.
DROP INDEX orders_status_idx;
DROP INDEX orders_customer_idx;
CREATE INDEX orders_placed_idx ON orders (tenant_id, created_at, id);
CREATE INDEX orders_status_idx ON orders (tenant_id, status, created_at, id);
CREATE INDEX orders_customer_idx ON orders (tenant_id, customer_id, created_at, id);

-- What is found by a word: `term` is a word or its beginning, as rustok-text's `words` has them. Nodes have terms for each
-- of their locales, products have none.
CREATE TABLE search_terms (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    kind TEXT NOT NULL CHECK (kind IN ('node', 'product')),
    term TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    locale TEXT NOT NULL,
    PRIMARY KEY (tenant_id, kind, term, subject_id, locale)
) STRICT, WITHOUT ROWID;

-- Words of what is there already, as far as SQL can tell words apart: the next save of each writes them anew.
INSERT INTO search_terms (tenant_id, kind, term, subject_id, locale)
    SELECT DISTINCT t.tenant_id, 'node', substr(w.value, 1, l.chars), t.node_id, t.locale
    FROM node_translations t, (SELECT 2 AS chars UNION ALL SELECT 32) l,
        json_each('["' || replace(replace(replace(t.title_search, '\', ' '), '"', ' '), ' ', '","') || '"]') w
    WHERE w.value <> '';
INSERT INTO search_terms (tenant_id, kind, term, subject_id, locale)
    SELECT DISTINCT p.tenant_id, 'product', substr(w.value, 1, l.chars), p.id, ''
    FROM products p, (SELECT 2 AS chars UNION ALL SELECT 32) l,
        json_each('["' || replace(replace(replace(replace(p.search_text, '\', ' '), '"', ' '), char(10), ' '), ' ', '","') || '"]') w
    WHERE w.value <> '';
