-- Files that were sent to be imported, and the source of each imported thing.

CREATE TENANT TABLE imports (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    source text NOT NULL CONSTRAINT imports_source_known CHECK (source IN ('shopify', 'wordpress')),
    setting text NOT NULL,
    dry_run bool NOT NULL,
    file text NOT NULL,
    actor text NOT NULL,
    status text NOT NULL CONSTRAINT imports_status_known
        CHECK (status IN ('queued', 'running', 'succeeded', 'failed')),
    bytes_read int NOT NULL,
    bytes_total int NOT NULL,
    report json,
    errors json,
    failure text,
    created_at time NOT NULL,
    started_at time,
    finished_at time,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT imports_bytes_read_in_file CHECK (bytes_read BETWEEN 0 AND bytes_total),
    CONSTRAINT imports_finished_has_date CHECK ((status IN ('succeeded', 'failed')) = (finished_at IS NOT NULL)),
    CONSTRAINT imports_failed_has_failure CHECK ((status = 'failed') = (failure IS NOT NULL)),
    CONSTRAINT imports_succeeded_has_report CHECK (status <> 'succeeded' OR report IS NOT NULL),
    CONSTRAINT imports_report_with_errors CHECK ((report IS NULL) = (errors IS NULL))
);
CREATE INDEX imports_status_idx ON imports (tenant_id, status);
CREATE INDEX imports_finished_idx ON imports (tenant_id, finished_at);

CREATE TENANT TABLE import_references (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    source text NOT NULL CONSTRAINT import_references_source_known CHECK (source IN ('shopify', 'wordpress')),
    kind text NOT NULL CONSTRAINT import_references_kind_known CHECK (kind IN ('product', 'node')),
    external_id text NOT NULL,
    subject_id uuid NOT NULL,
    hash bytes NOT NULL,
    imported_at time NOT NULL,
    PRIMARY KEY (tenant_id, source, kind, external_id)
);
