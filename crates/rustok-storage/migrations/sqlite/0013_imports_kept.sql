-- Made from schema/0013_imports_kept.sql by `cargo run -p xtask -- schema`: change that file.

-- incomplete: a file that was not read to its end. options: what an import may overwrite, and the name of its source.
CREATE TABLE imports_rebuilt (
    tenant_id BLOB NOT NULL CONSTRAINT imports_tenant_id_fkey REFERENCES tenants (id),
    id BLOB NOT NULL,
    source TEXT NOT NULL CONSTRAINT imports_source_known CHECK (source IN ('shopify', 'wordpress')),
    setting TEXT NOT NULL,
    dry_run INTEGER NOT NULL CONSTRAINT imports_dry_run_is_bool CHECK (dry_run IN (0, 1)),
    file TEXT NOT NULL,
    actor TEXT NOT NULL,
    status TEXT NOT NULL,
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
    CONSTRAINT imports_report_with_errors CHECK ((report IS NULL) = (errors IS NULL)),
    CONSTRAINT imports_status_known CHECK (status IN ('queued', 'running', 'succeeded', 'incomplete', 'failed')),
    CONSTRAINT imports_finished_has_date CHECK ((status IN ('succeeded', 'incomplete', 'failed')) = (finished_at IS NOT NULL)),
    CONSTRAINT imports_failed_has_failure CHECK ((status IN ('incomplete', 'failed')) = (failure IS NOT NULL)),
    CONSTRAINT imports_succeeded_has_report CHECK (status NOT IN ('succeeded', 'incomplete') OR report IS NOT NULL)
) STRICT;
INSERT INTO imports_rebuilt (tenant_id, id, source, setting, dry_run, file, actor, status, bytes_read, bytes_total, report, errors, failure, created_at, started_at, finished_at) SELECT tenant_id, id, source, setting, dry_run, file, actor, status, bytes_read, bytes_total, report, errors, failure, created_at, started_at, finished_at FROM imports;
DROP TABLE imports;
ALTER TABLE imports_rebuilt RENAME TO imports;
CREATE INDEX imports_status_idx ON imports (tenant_id, status);
CREATE INDEX imports_finished_idx ON imports (tenant_id, finished_at);

ALTER TABLE imports ADD COLUMN options TEXT;

-- fields: hashes of what imports wrote, by field. changed_at: when the source says that it changed the item last.
-- address: where the item was.
ALTER TABLE import_references ADD COLUMN fields BLOB;

ALTER TABLE import_references ADD COLUMN changed_at INTEGER;

ALTER TABLE import_references ADD COLUMN address TEXT;
