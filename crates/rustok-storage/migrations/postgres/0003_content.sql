-- Made from schema/0003_content.sql by `cargo run -p xtask -- schema`: change that file.

-- Content: authors, terms, and nodes with their texts.

CREATE TABLE authors (
    tenant_id uuid NOT NULL CONSTRAINT authors_tenant_id_fkey REFERENCES tenants (id),
    id uuid NOT NULL,
    login text NOT NULL,
    display_name text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT "authors(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "authors(login)" UNIQUE (tenant_id, login)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON authors TO rustok_app;
GRANT SELECT ON authors TO rustok_backup;
ALTER TABLE authors ENABLE ROW LEVEL SECURITY;
ALTER TABLE authors FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON authors TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON authors FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');

-- name_folded: the name in the form in which names are compared.
CREATE TABLE terms (
    tenant_id uuid NOT NULL CONSTRAINT terms_tenant_id_fkey REFERENCES tenants (id),
    id uuid NOT NULL,
    taxonomy text NOT NULL CONSTRAINT terms_taxonomy_known CHECK (taxonomy IN ('category', 'tag')),
    slug text NOT NULL,
    name text NOT NULL,
    name_folded text COLLATE "C" NOT NULL,
    parent_id uuid,
    created_at timestamptz NOT NULL,
    CONSTRAINT "terms(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "terms(taxonomy,slug)" UNIQUE (tenant_id, taxonomy, slug),
    CONSTRAINT terms_parent_id_fkey FOREIGN KEY (tenant_id, parent_id) REFERENCES terms (tenant_id, id),
    CONSTRAINT terms_parent_is_category CHECK (parent_id IS NULL OR taxonomy = 'category')
);
GRANT SELECT, INSERT, UPDATE, DELETE ON terms TO rustok_app;
GRANT SELECT ON terms TO rustok_backup;
ALTER TABLE terms ENABLE ROW LEVEL SECURITY;
ALTER TABLE terms FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON terms TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON terms FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
CREATE INDEX terms_parent_idx ON terms (tenant_id, parent_id);
CREATE INDEX terms_name_idx ON terms (tenant_id, taxonomy, name_folded);

-- scheduled: published_at lay ahead when it was given, and readers wait for it.
CREATE TABLE nodes (
    tenant_id uuid NOT NULL CONSTRAINT nodes_tenant_id_fkey REFERENCES tenants (id),
    id uuid NOT NULL,
    kind text NOT NULL,
    status text NOT NULL CONSTRAINT nodes_status_known CHECK (status IN ('draft', 'published', 'archived')),
    author_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    published_at timestamptz,
    scheduled boolean NOT NULL,
    archived_at timestamptz,
    archive_reason text,
    deleted_at timestamptz,
    working_revision bigint NOT NULL CONSTRAINT nodes_working_revision_positive CHECK (working_revision > 0),
    published_revision bigint,
    version bigint NOT NULL CONSTRAINT nodes_version_positive CHECK (version > 0),
    CONSTRAINT "nodes(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT nodes_author_id_fkey FOREIGN KEY (tenant_id, author_id) REFERENCES authors (tenant_id, id),
    CONSTRAINT nodes_published_has_revision CHECK ((status = 'published') = (published_revision IS NOT NULL)),
    CONSTRAINT nodes_published_has_date CHECK (status = 'draft' OR published_at IS NOT NULL),
    CONSTRAINT nodes_draft_not_scheduled CHECK (NOT scheduled OR status <> 'draft'),
    CONSTRAINT nodes_archived_has_date CHECK ((status = 'archived') = (archived_at IS NOT NULL)),
    CONSTRAINT nodes_archived_has_reason CHECK ((status = 'archived') = (archive_reason IS NOT NULL)),
    CONSTRAINT nodes_published_revision_saved CHECK (published_revision BETWEEN 1 AND working_revision),
    CONSTRAINT nodes_deleted_not_published CHECK (deleted_at IS NULL OR status <> 'published')
);
GRANT SELECT, INSERT, UPDATE, DELETE ON nodes TO rustok_app;
GRANT SELECT ON nodes TO rustok_backup;
ALTER TABLE nodes ENABLE ROW LEVEL SECURITY;
ALTER TABLE nodes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON nodes TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON nodes FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');

-- What readers see has indexes of its own: a draft is in none of them.
CREATE INDEX nodes_published_idx ON nodes (tenant_id, published_at, id) WHERE status = 'published';
CREATE INDEX nodes_published_kind_idx ON nodes (tenant_id, kind, published_at, id) WHERE status = 'published';
CREATE INDEX nodes_at_once_idx ON nodes (tenant_id, published_at) WHERE status = 'published' AND NOT scheduled;
CREATE INDEX nodes_in_use_idx ON nodes (tenant_id, id) WHERE deleted_at IS NULL;
CREATE INDEX nodes_status_idx ON nodes (tenant_id, status, id) WHERE deleted_at IS NULL;
CREATE INDEX nodes_kind_idx ON nodes (tenant_id, kind, id) WHERE deleted_at IS NULL;
CREATE INDEX nodes_kind_status_idx ON nodes (tenant_id, kind, status, id) WHERE deleted_at IS NULL;
CREATE INDEX nodes_changed_idx ON nodes (tenant_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX nodes_deleted_idx ON nodes (tenant_id, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX nodes_deleted_changed_idx ON nodes (tenant_id, updated_at, id) WHERE deleted_at IS NOT NULL;

-- One immutable save of a node in one locale.
CREATE TABLE node_revisions (
    tenant_id uuid NOT NULL,
    node_id uuid NOT NULL,
    revision bigint NOT NULL CONSTRAINT node_revisions_revision_positive CHECK (revision > 0),
    locale text NOT NULL,
    title text NOT NULL,
    slug text NOT NULL,
    excerpt text NOT NULL,
    body text NOT NULL,
    format text NOT NULL CONSTRAINT node_revisions_format_known CHECK (format IN ('html', 'markdown')),
    body_html text NOT NULL,
    actor text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT "node_revisions(node_id,locale,revision)" PRIMARY KEY (tenant_id, node_id, locale, revision),
    CONSTRAINT node_revisions_node_id_fkey FOREIGN KEY (tenant_id, node_id) REFERENCES nodes (tenant_id, id)
);
GRANT SELECT, INSERT ON node_revisions TO rustok_app;
GRANT SELECT ON node_revisions TO rustok_backup;
ALTER TABLE node_revisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE node_revisions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON node_revisions TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON node_revisions FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');

-- The time tells two saves of the same number apart, one of which was lost in a restore. Lists ask for it without reading
-- the text that stands before it in the row.
CREATE INDEX node_revisions_saved_idx ON node_revisions (tenant_id, node_id, locale, revision, created_at);

-- Which revision of a locale is worked on and which is live; slugs are NULL while the node is deleted. title_search: the
-- working title in the form that searches are compared with. is_original: the locale that the node was written in first.
-- is_removed: the text is live until the next publish, and is not worked on any more.
CREATE TABLE node_translations (
    tenant_id uuid NOT NULL,
    node_id uuid NOT NULL,
    locale text NOT NULL,
    slug text,
    title_search text NOT NULL,
    working_revision bigint NOT NULL,
    published_slug text,
    published_revision bigint,
    is_original boolean NOT NULL,
    is_removed boolean NOT NULL DEFAULT false,
    CONSTRAINT "node_translations(node_id,locale)" PRIMARY KEY (tenant_id, node_id, locale),
    CONSTRAINT "node_translations(slug,locale)" UNIQUE (tenant_id, slug, locale),
    CONSTRAINT "node_translations(published_slug,locale)" UNIQUE (tenant_id, published_slug, locale),
    CONSTRAINT node_translations_node_id_locale_working_revision_fkey FOREIGN KEY (tenant_id, node_id, locale, working_revision) REFERENCES node_revisions (tenant_id, node_id, locale, revision),
    CONSTRAINT node_translations_node_id_locale_published_revision_fkey FOREIGN KEY (tenant_id, node_id, locale, published_revision) REFERENCES node_revisions (tenant_id, node_id, locale, revision),
    CONSTRAINT node_translations_published_has_slug CHECK ((published_slug IS NULL) = (published_revision IS NULL)),
    CONSTRAINT node_translations_published_saved CHECK (published_revision <= working_revision),
    CONSTRAINT node_translations_removed_is_live CHECK (NOT is_removed OR (slug IS NULL AND published_revision IS NOT NULL AND NOT is_original))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON node_translations TO rustok_app;
GRANT SELECT ON node_translations TO rustok_backup;
ALTER TABLE node_translations ENABLE ROW LEVEL SECURITY;
ALTER TABLE node_translations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON node_translations TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON node_translations FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
CREATE UNIQUE INDEX "node_translations(node_id)" ON node_translations (tenant_id, node_id) WHERE is_original;

-- published_at: since when the node is public; NULL while it is not.
CREATE TABLE node_terms (
    tenant_id uuid NOT NULL,
    node_id uuid NOT NULL,
    term_id uuid NOT NULL,
    published_at timestamptz,
    CONSTRAINT "node_terms(node_id,term_id)" PRIMARY KEY (tenant_id, node_id, term_id),
    CONSTRAINT node_terms_node_id_fkey FOREIGN KEY (tenant_id, node_id) REFERENCES nodes (tenant_id, id),
    CONSTRAINT node_terms_term_id_fkey FOREIGN KEY (tenant_id, term_id) REFERENCES terms (tenant_id, id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON node_terms TO rustok_app;
GRANT SELECT ON node_terms TO rustok_backup;
ALTER TABLE node_terms ENABLE ROW LEVEL SECURITY;
ALTER TABLE node_terms FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON node_terms TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON node_terms FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
CREATE INDEX node_terms_term_idx ON node_terms (tenant_id, term_id, node_id);
CREATE INDEX node_terms_published_idx ON node_terms (tenant_id, term_id, published_at, node_id) WHERE published_at IS NOT NULL;

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
    CONSTRAINT node_history_node_id_fkey FOREIGN KEY (tenant_id, node_id) REFERENCES nodes (tenant_id, id)
);
GRANT SELECT, INSERT ON node_history TO rustok_app;
GRANT SELECT ON node_history TO rustok_backup;
ALTER TABLE node_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE node_history FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON node_history TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON node_history FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
