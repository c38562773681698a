-- Made from schema/0008_imports.sql by `cargo run -p xtask -- schema`: change that file.

-- Files that were sent to be imported, and the source of each imported thing.

CREATE TABLE imports (
    tenant_id uuid NOT NULL CONSTRAINT imports_tenant_id_fkey REFERENCES tenants (id),
    id uuid NOT NULL,
    source text NOT NULL CONSTRAINT imports_source_known CHECK (source IN ('shopify', 'wordpress')),
    setting text NOT NULL,
    dry_run boolean NOT NULL,
    file text NOT NULL,
    actor text NOT NULL,
    status text NOT NULL CONSTRAINT imports_status_known CHECK (status IN ('queued', 'running', 'succeeded', 'failed')),
    bytes_read bigint NOT NULL,
    bytes_total bigint NOT NULL,
    report jsonb,
    errors jsonb,
    failure text,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT "imports(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT imports_bytes_read_in_file CHECK (bytes_read BETWEEN 0 AND bytes_total),
    CONSTRAINT imports_finished_has_date CHECK ((status IN ('succeeded', 'failed')) = (finished_at IS NOT NULL)),
    CONSTRAINT imports_failed_has_failure CHECK ((status = 'failed') = (failure IS NOT NULL)),
    CONSTRAINT imports_succeeded_has_report CHECK (status <> 'succeeded' OR report IS NOT NULL),
    CONSTRAINT imports_report_with_errors CHECK ((report IS NULL) = (errors IS NULL))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON imports TO rustok_app;
GRANT SELECT ON imports TO rustok_backup;
ALTER TABLE imports ENABLE ROW LEVEL SECURITY;
ALTER TABLE imports FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON imports TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON imports FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
CREATE INDEX imports_status_idx ON imports (tenant_id, status);
CREATE INDEX imports_finished_idx ON imports (tenant_id, finished_at);

CREATE TABLE import_references (
    tenant_id uuid NOT NULL CONSTRAINT import_references_tenant_id_fkey REFERENCES tenants (id),
    source text NOT NULL CONSTRAINT import_references_source_known CHECK (source IN ('shopify', 'wordpress')),
    kind text NOT NULL CONSTRAINT import_references_kind_known CHECK (kind IN ('product', 'node')),
    external_id text NOT NULL,
    subject_id uuid NOT NULL,
    hash bytea NOT NULL,
    imported_at timestamptz NOT NULL,
    CONSTRAINT "import_references(source,kind,external_id)" PRIMARY KEY (tenant_id, source, kind, external_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON import_references TO rustok_app;
GRANT SELECT ON import_references TO rustok_backup;
ALTER TABLE import_references ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_references FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON import_references TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON import_references FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
