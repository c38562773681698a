-- Made from schema/0008_imports.sql by `cargo run -p xtask -- schema`: change that file.

-- Files that were sent to be imported, and the source of each imported thing.

CREATE TABLE imports (
    tenant_id BLOB NOT NULL CONSTRAINT imports_tenant_id_fkey REFERENCES tenants (id),
    id BLOB NOT NULL,
    source TEXT NOT NULL CONSTRAINT imports_source_known CHECK (source IN ('shopify', 'wordpress')),
    setting TEXT NOT NULL,
    dry_run INTEGER NOT NULL CONSTRAINT imports_dry_run_is_bool CHECK (dry_run IN (0, 1)),
    file TEXT NOT NULL,
    actor TEXT NOT NULL,
    status TEXT NOT NULL CONSTRAINT imports_status_known CHECK (status IN ('queued', 'running', 'succeeded', 'failed')),
    bytes_read INTEGER NOT NULL,
    bytes_total INTEGER NOT NULL,
    report TEXT,
    errors TEXT,
    failure TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    CONSTRAINT "imports(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT imports_bytes_read_in_file CHECK (bytes_read BETWEEN 0 AND bytes_total),
    CONSTRAINT imports_finished_has_date CHECK ((status IN ('succeeded', 'failed')) = (finished_at IS NOT NULL)),
    CONSTRAINT imports_failed_has_failure CHECK ((status = 'failed') = (failure IS NOT NULL)),
    CONSTRAINT imports_succeeded_has_report CHECK (status <> 'succeeded' OR report IS NOT NULL),
    CONSTRAINT imports_report_with_errors CHECK ((report IS NULL) = (errors IS NULL))
) STRICT;
CREATE INDEX imports_status_idx ON imports (tenant_id, status);
CREATE INDEX imports_finished_idx ON imports (tenant_id, finished_at);

CREATE TABLE import_references (
    tenant_id BLOB NOT NULL CONSTRAINT import_references_tenant_id_fkey REFERENCES tenants (id),
    source TEXT NOT NULL CONSTRAINT import_references_source_known CHECK (source IN ('shopify', 'wordpress')),
    kind TEXT NOT NULL CONSTRAINT import_references_kind_known CHECK (kind IN ('product', 'node')),
    external_id TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    imported_at INTEGER NOT NULL,
    CONSTRAINT "import_references(source,kind,external_id)" PRIMARY KEY (tenant_id, source, kind, external_id)
) STRICT;
