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

-- For the length of this migration its owner sees the rows of all tenants.
ALTER TABLE nodes NO FORCE ROW LEVEL SECURITY;
ALTER TABLE node_terms NO FORCE ROW LEVEL SECURITY;
ALTER TABLE node_translations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE products NO FORCE ROW LEVEL SECURITY;

-- Since when a node that is filed under a term is public; none while it is not.
ALTER TABLE node_terms ADD COLUMN published_at timestamptz;
UPDATE node_terms f SET published_at = n.published_at FROM nodes n
    WHERE n.tenant_id = f.tenant_id AND n.id = f.node_id AND n.status = 'published';
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
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('node', 'product')),
    term text COLLATE "C" NOT NULL,
    subject_id uuid NOT NULL,
    locale text COLLATE "C" NOT NULL,
    CONSTRAINT "search_terms(kind,term,subject_id,locale)" PRIMARY KEY (tenant_id, kind, term, subject_id, locale)
);
-- Words of what is there already, as far as SQL can tell words apart: the next save of each writes them anew.
INSERT INTO search_terms (tenant_id, kind, term, subject_id, locale)
    SELECT DISTINCT t.tenant_id, 'node', left(w.word, l.chars), t.node_id, t.locale
    FROM node_translations t CROSS JOIN (VALUES (2), (32)) l (chars)
        CROSS JOIN LATERAL regexp_split_to_table(t.title_search, '[\s!-/:-@\[-`{-~]+') w (word)
    WHERE w.word <> '';
INSERT INTO search_terms (tenant_id, kind, term, subject_id, locale)
    SELECT DISTINCT p.tenant_id, 'product', left(w.word, l.chars), p.id, ''
    FROM products p CROSS JOIN (VALUES (2), (32)) l (chars)
        CROSS JOIN LATERAL regexp_split_to_table(p.search_text, '[\s!-/:-@\[-`{-~]+') w (word)
    WHERE w.word <> '';

ALTER TABLE products FORCE ROW LEVEL SECURITY;
ALTER TABLE node_translations FORCE ROW LEVEL SECURITY;
ALTER TABLE node_terms FORCE ROW LEVEL SECURITY;
ALTER TABLE nodes FORCE ROW LEVEL SECURITY;

GRANT SELECT, INSERT, DELETE ON search_terms TO rustok_app;
ALTER TABLE search_terms ENABLE ROW LEVEL SECURITY;
ALTER TABLE search_terms FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON search_terms TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

