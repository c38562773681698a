-- Made from schema/0009_search.sql by `cargo run -p xtask -- schema`: change that file.

-- Search. term: a word or its beginning, as made by rustok-text's `words`. Nodes have terms for each of their locales;
-- those of products have an empty locale.

CREATE TABLE search_terms (
    tenant_id BLOB NOT NULL CONSTRAINT search_terms_tenant_id_fkey REFERENCES tenants (id),
    kind TEXT NOT NULL CONSTRAINT search_terms_kind_known CHECK (kind IN ('node', 'product')),
    term TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    locale TEXT NOT NULL,
    CONSTRAINT "search_terms(kind,term,subject_id,locale)" PRIMARY KEY (tenant_id, kind, term, subject_id, locale)
) STRICT, WITHOUT ROWID;
