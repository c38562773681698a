-- Files that were sent to be imported: each is a job with its progress and its report.

CREATE TABLE imports (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    source text NOT NULL CHECK (source IN ('shopify', 'wordpress')),
    setting text NOT NULL,
    dry_run boolean NOT NULL,
    file text NOT NULL,
    actor text NOT NULL,
    status text NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed')),
    bytes_read bigint NOT NULL,
    bytes_total bigint NOT NULL,
    report jsonb,
    errors jsonb,
    failure text,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT "imports(id)" PRIMARY KEY (tenant_id, id),
    CHECK (bytes_read BETWEEN 0 AND bytes_total),
    CHECK ((status IN ('succeeded', 'failed')) = (finished_at IS NOT NULL)),
    CHECK ((status = 'failed') = (failure IS NOT NULL)),
    CHECK (status <> 'succeeded' OR report IS NOT NULL),
    CHECK ((report IS NULL) = (errors IS NULL))
);
CREATE INDEX imports_status_idx ON imports (tenant_id, status);
CREATE INDEX imports_finished_idx ON imports (tenant_id, finished_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON imports TO rustok_app;
ALTER TABLE imports ENABLE ROW LEVEL SECURITY;
ALTER TABLE imports FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON imports TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

-- The server that has an import's file puts this work off for as long as it lives.
ALTER TABLE due_work DROP CONSTRAINT due_work_kind_check;
ALTER TABLE due_work ADD CONSTRAINT due_work_kind_check CHECK (kind IN ('expire_order', 'fail_import'));
