-- Made from schema/0003_content.sql by `cargo run -p xtask -- schema`: change that file.

-- Content: authors, terms, and nodes with their texts.

CREATE TABLE authors (
    tenant_id BLOB NOT NULL CONSTRAINT authors_tenant_id_fkey REFERENCES tenants (id),
    id BLOB NOT NULL,
    login TEXT NOT NULL,
    display_name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT "authors(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "authors(login)" UNIQUE (tenant_id, login)
) STRICT;

-- name_folded: the name in the form in which names are compared.
CREATE TABLE terms (
    tenant_id BLOB NOT NULL CONSTRAINT terms_tenant_id_fkey REFERENCES tenants (id),
    id BLOB NOT NULL,
    taxonomy TEXT NOT NULL CONSTRAINT terms_taxonomy_known CHECK (taxonomy IN ('category', 'tag')),
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    parent_id BLOB,
    created_at INTEGER NOT NULL,
    CONSTRAINT "terms(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "terms(taxonomy,slug)" UNIQUE (tenant_id, taxonomy, slug),
    CONSTRAINT terms_parent_id_fkey FOREIGN KEY (tenant_id, parent_id) REFERENCES terms (tenant_id, id),
    CONSTRAINT terms_parent_is_category CHECK (parent_id IS NULL OR taxonomy = 'category')
) STRICT;
CREATE INDEX terms_parent_idx ON terms (tenant_id, parent_id);
CREATE INDEX terms_name_idx ON terms (tenant_id, taxonomy, name_folded);

-- scheduled: published_at lay ahead when it was given, and readers wait for it.
CREATE TABLE nodes (
    tenant_id BLOB NOT NULL CONSTRAINT nodes_tenant_id_fkey REFERENCES tenants (id),
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL CONSTRAINT nodes_status_known CHECK (status IN ('draft', 'published', 'archived')),
    author_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    published_at INTEGER,
    scheduled INTEGER NOT NULL CONSTRAINT nodes_scheduled_is_bool CHECK (scheduled IN (0, 1)),
    archived_at INTEGER,
    archive_reason TEXT,
    deleted_at INTEGER,
    working_revision INTEGER NOT NULL CONSTRAINT nodes_working_revision_positive CHECK (working_revision > 0),
    published_revision INTEGER,
    version INTEGER NOT NULL CONSTRAINT nodes_version_positive CHECK (version > 0),
    CONSTRAINT "nodes(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT nodes_author_id_fkey FOREIGN KEY (tenant_id, author_id) REFERENCES authors (tenant_id, id),
    CONSTRAINT nodes_published_has_revision CHECK ((status = 'published') = (published_revision IS NOT NULL)),
    CONSTRAINT nodes_published_has_date CHECK (status = 'draft' OR published_at IS NOT NULL),
    CONSTRAINT nodes_draft_not_scheduled CHECK (NOT scheduled OR status <> 'draft'),
    CONSTRAINT nodes_archived_has_date CHECK ((status = 'archived') = (archived_at IS NOT NULL)),
    CONSTRAINT nodes_archived_has_reason CHECK ((status = 'archived') = (archive_reason IS NOT NULL)),
    CONSTRAINT nodes_published_revision_saved CHECK (published_revision BETWEEN 1 AND working_revision),
    CONSTRAINT nodes_deleted_not_published CHECK (deleted_at IS NULL OR status <> 'published')
) STRICT;

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
    tenant_id BLOB NOT NULL,
    node_id BLOB NOT NULL,
    revision INTEGER NOT NULL CONSTRAINT node_revisions_revision_positive CHECK (revision > 0),
    locale TEXT NOT NULL,
    title TEXT NOT NULL,
    slug TEXT NOT NULL,
    excerpt TEXT NOT NULL,
    body TEXT NOT NULL,
    format TEXT NOT NULL CONSTRAINT node_revisions_format_known CHECK (format IN ('html', 'markdown')),
    body_html TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT "node_revisions(node_id,locale,revision)" PRIMARY KEY (tenant_id, node_id, locale, revision),
    CONSTRAINT node_revisions_node_id_fkey FOREIGN KEY (tenant_id, node_id) REFERENCES nodes (tenant_id, id)
) STRICT;

-- The time tells two saves of the same number apart, one of which was lost in a restore. Lists ask for it without reading
-- the text that stands before it in the row.
CREATE INDEX node_revisions_saved_idx ON node_revisions (tenant_id, node_id, locale, revision, created_at);

-- Which revision of a locale is worked on and which is live; slugs are NULL while the node is deleted. title_search: the
-- working title in the form that searches are compared with. is_original: the locale that the node was written in first.
-- is_removed: the text is live until the next publish, and is not worked on any more.
CREATE TABLE node_translations (
    tenant_id BLOB NOT NULL,
    node_id BLOB NOT NULL,
    locale TEXT NOT NULL,
    slug TEXT,
    title_search TEXT NOT NULL,
    working_revision INTEGER NOT NULL,
    published_slug TEXT,
    published_revision INTEGER,
    is_original INTEGER NOT NULL CONSTRAINT node_translations_is_original_is_bool CHECK (is_original IN (0, 1)),
    is_removed INTEGER NOT NULL DEFAULT false CONSTRAINT node_translations_is_removed_is_bool CHECK (is_removed IN (0, 1)),
    CONSTRAINT "node_translations(node_id,locale)" PRIMARY KEY (tenant_id, node_id, locale),
    CONSTRAINT "node_translations(slug,locale)" UNIQUE (tenant_id, slug, locale),
    CONSTRAINT "node_translations(published_slug,locale)" UNIQUE (tenant_id, published_slug, locale),
    CONSTRAINT node_translations_node_id_locale_working_revision_fkey FOREIGN KEY (tenant_id, node_id, locale, working_revision) REFERENCES node_revisions (tenant_id, node_id, locale, revision),
    CONSTRAINT node_translations_node_id_locale_published_revision_fkey FOREIGN KEY (tenant_id, node_id, locale, published_revision) REFERENCES node_revisions (tenant_id, node_id, locale, revision),
    CONSTRAINT node_translations_published_has_slug CHECK ((published_slug IS NULL) = (published_revision IS NULL)),
    CONSTRAINT node_translations_published_saved CHECK (published_revision <= working_revision),
    CONSTRAINT node_translations_removed_is_live CHECK (NOT is_removed OR (slug IS NULL AND published_revision IS NOT NULL AND NOT is_original))
) STRICT;
CREATE UNIQUE INDEX "node_translations(node_id)" ON node_translations (tenant_id, node_id) WHERE is_original;

-- published_at: since when the node is public; NULL while it is not.
CREATE TABLE node_terms (
    tenant_id BLOB NOT NULL,
    node_id BLOB NOT NULL,
    term_id BLOB NOT NULL,
    published_at INTEGER,
    CONSTRAINT "node_terms(node_id,term_id)" PRIMARY KEY (tenant_id, node_id, term_id),
    CONSTRAINT node_terms_node_id_fkey FOREIGN KEY (tenant_id, node_id) REFERENCES nodes (tenant_id, id),
    CONSTRAINT node_terms_term_id_fkey FOREIGN KEY (tenant_id, term_id) REFERENCES terms (tenant_id, id)
) STRICT;
CREATE INDEX node_terms_term_idx ON node_terms (tenant_id, term_id, node_id);
CREATE INDEX node_terms_published_idx ON node_terms (tenant_id, term_id, published_at, node_id) WHERE published_at IS NOT NULL;

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
    CONSTRAINT "node_history(node_id,version)" PRIMARY KEY (tenant_id, node_id, version),
    CONSTRAINT node_history_node_id_fkey FOREIGN KEY (tenant_id, node_id) REFERENCES nodes (tenant_id, id)
) STRICT;
