-- Made from schema/0006_events.sql by `cargo run -p xtask -- schema`: change that file.

-- Events that are to be delivered, and work that is to be done later.

CREATE TABLE outbox (
    tenant_id uuid NOT NULL CONSTRAINT outbox_tenant_id_fkey REFERENCES tenants (id),
    id uuid NOT NULL,
    topic text NOT NULL,
    subject_id uuid NOT NULL,
    payload jsonb NOT NULL,
    traceparent text,
    occurred_at timestamptz NOT NULL,
    delivered_at timestamptz,
    CONSTRAINT "outbox(id)" PRIMARY KEY (tenant_id, id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO rustok_app;
GRANT SELECT ON outbox TO rustok_backup;
ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON outbox TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON outbox FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
GRANT SELECT, UPDATE, DELETE ON outbox TO rustok_platform;
CREATE POLICY platform ON outbox TO rustok_platform USING (true) WITH CHECK (true);
CREATE INDEX outbox_waiting_idx ON outbox (occurred_at) WHERE delivered_at IS NULL;

-- Delivered events are deleted by this index.
CREATE INDEX outbox_delivered_idx ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;

CREATE TABLE due_work (
    tenant_id uuid NOT NULL CONSTRAINT due_work_tenant_id_fkey REFERENCES tenants (id),
    id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT due_work_kind_known CHECK (kind IN ('expire_order', 'fail_import')),
    subject_id uuid NOT NULL,
    due_at timestamptz NOT NULL,
    CONSTRAINT "due_work(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "due_work(kind,subject_id)" UNIQUE (tenant_id, kind, subject_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON due_work TO rustok_app;
GRANT SELECT ON due_work TO rustok_backup;
ALTER TABLE due_work ENABLE ROW LEVEL SECURITY;
ALTER TABLE due_work FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON due_work TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON due_work FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
GRANT SELECT ON due_work TO rustok_platform;
CREATE POLICY platform ON due_work TO rustok_platform USING (true);
CREATE INDEX due_work_due_idx ON due_work (due_at);
