-- Made from schema/0009_search.sql by `cargo run -p xtask -- schema`: change that file.

-- Search. term: a word or its beginning, as made by rustok-text's `words`. Nodes have terms for each of their locales;
-- those of products have an empty locale.

CREATE TABLE search_terms (
    tenant_id uuid NOT NULL CONSTRAINT search_terms_tenant_id_fkey REFERENCES tenants (id),
    kind text COLLATE "C" NOT NULL CONSTRAINT search_terms_kind_known CHECK (kind IN ('node', 'product')),
    term text COLLATE "C" NOT NULL,
    subject_id uuid NOT NULL,
    locale text COLLATE "C" NOT NULL,
    CONSTRAINT "search_terms(kind,term,subject_id,locale)" PRIMARY KEY (tenant_id, kind, term, subject_id, locale)
);
GRANT SELECT, INSERT, DELETE ON search_terms TO rustok_app;
GRANT SELECT ON search_terms TO rustok_backup;
ALTER TABLE search_terms ENABLE ROW LEVEL SECURITY;
ALTER TABLE search_terms FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON search_terms TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON search_terms FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
