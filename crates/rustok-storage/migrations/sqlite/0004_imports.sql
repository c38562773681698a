-- Files that were sent to be imported: each is a job with its progress and its report.

CREATE TABLE imports (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id BLOB NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('shopify', 'wordpress')),
    setting TEXT NOT NULL,
    dry_run INTEGER NOT NULL CHECK (dry_run IN (0, 1)),
    file TEXT NOT NULL,
    actor TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed')),
    bytes_read INTEGER NOT NULL,
    bytes_total INTEGER NOT NULL,
    report TEXT,
    errors TEXT,
    failure TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    PRIMARY KEY (tenant_id, id),
    CHECK (bytes_read BETWEEN 0 AND bytes_total),
    CHECK ((status IN ('succeeded', 'failed')) = (finished_at IS NOT NULL)),
    CHECK ((status = 'failed') = (failure IS NOT NULL)),
    CHECK (status <> 'succeeded' OR report IS NOT NULL),
    CHECK ((report IS NULL) = (errors IS NULL))
) STRICT;
CREATE INDEX imports_status_idx ON imports (tenant_id, status);
CREATE INDEX imports_finished_idx ON imports (tenant_id, finished_at);

-- The server that has an import's file puts this work off for as long as it lives. SQLite cannot change a CHECK.
CREATE TABLE due_work_2 (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('expire_order', 'fail_import')),
    subject_id BLOB NOT NULL,
    due_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, kind, subject_id)
) STRICT;
INSERT INTO due_work_2 (tenant_id, id, kind, subject_id, due_at)
    SELECT tenant_id, id, kind, subject_id, due_at FROM due_work;
DROP TABLE due_work;
ALTER TABLE due_work_2 RENAME TO due_work;
CREATE INDEX due_work_due_idx ON due_work (due_at);
