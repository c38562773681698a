-- Search. term: a word or its beginning, as made by rustok-text's `words`. Nodes have terms for each of their locales;
-- those of products have an empty locale.

CREATE TENANT TABLE search_terms (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    kind word NOT NULL CONSTRAINT search_terms_kind_known CHECK (kind IN ('node', 'product')),
    term word NOT NULL,
    subject_id uuid NOT NULL,
    locale word NOT NULL,
    PRIMARY KEY (tenant_id, kind, term, subject_id, locale)
) RIGHTS (SELECT, INSERT, DELETE) KEY ONLY;
