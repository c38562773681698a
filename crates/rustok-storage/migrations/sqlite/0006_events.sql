-- Made from schema/0006_events.sql by `cargo run -p xtask -- schema`: change that file.

-- Events that are to be delivered, and work that is to be done later.

CREATE TABLE outbox (
    tenant_id BLOB NOT NULL CONSTRAINT outbox_tenant_id_fkey REFERENCES tenants (id),
    id BLOB NOT NULL,
    topic TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    payload TEXT NOT NULL,
    traceparent TEXT,
    occurred_at INTEGER NOT NULL,
    delivered_at INTEGER,
    CONSTRAINT "outbox(id)" PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX outbox_waiting_idx ON outbox (occurred_at) WHERE delivered_at IS NULL;

-- Delivered events are deleted by this index.
CREATE INDEX outbox_delivered_idx ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;

CREATE TABLE due_work (
    tenant_id BLOB NOT NULL CONSTRAINT due_work_tenant_id_fkey REFERENCES tenants (id),
    id BLOB NOT NULL,
    kind TEXT NOT NULL CONSTRAINT due_work_kind_known CHECK (kind IN ('expire_order', 'fail_import')),
    subject_id BLOB NOT NULL,
    due_at INTEGER NOT NULL,
    CONSTRAINT "due_work(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "due_work(kind,subject_id)" UNIQUE (tenant_id, kind, subject_id)
) STRICT;
CREATE INDEX due_work_due_idx ON due_work (due_at);
