-- Made from schema/0011_jobs.sql by `cargo run -p xtask -- schema`: change that file.

-- Jobs, and events on their way to their consumers: all are claimed by lease (docs/adr/0032).

-- A claimed job falls due again at the end of its lease. A dead one failed too often and is not tried again.
CREATE TABLE jobs (
    tenant_id uuid NOT NULL CONSTRAINT jobs_tenant_id_fkey REFERENCES tenants (id),
    id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT jobs_kind_known CHECK (kind IN ('expire_order', 'fail_import')),
    subject_id uuid NOT NULL,
    due_at timestamptz NOT NULL,
    lease uuid,
    attempts bigint NOT NULL DEFAULT 0,
    last_error text,
    dead_at timestamptz,
    CONSTRAINT "jobs(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "jobs(kind,subject_id)" UNIQUE (tenant_id, kind, subject_id),
    CONSTRAINT jobs_dead_has_no_lease CHECK (dead_at IS NULL OR lease IS NULL)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs TO rustok_app;
GRANT SELECT ON jobs TO rustok_backup;
ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON jobs TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON jobs FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
GRANT SELECT, UPDATE ON jobs TO rustok_platform;
CREATE POLICY platform ON jobs TO rustok_platform USING (true) WITH CHECK (true);
CREATE INDEX jobs_due_idx ON jobs (due_at) WHERE dead_at IS NULL;
CREATE INDEX jobs_dead_idx ON jobs (dead_at) WHERE dead_at IS NOT NULL;

ALTER TABLE due_work NO FORCE ROW LEVEL SECURITY;
ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY;
INSERT INTO jobs (tenant_id, id, kind, subject_id, due_at) SELECT tenant_id, id, kind, subject_id, due_at FROM due_work;
ALTER TABLE due_work FORCE ROW LEVEL SECURITY;
ALTER TABLE jobs FORCE ROW LEVEL SECURITY;

DROP TABLE due_work;

-- An event is distributed once each of its consumers has had it or has a delivery. What was delivered before stays so,
-- what waited still waits.
DROP INDEX outbox_waiting_idx;

DROP INDEX outbox_delivered_idx;

ALTER TABLE outbox RENAME COLUMN delivered_at TO distributed_at;

ALTER TABLE outbox ADD COLUMN lease uuid;

ALTER TABLE outbox ADD COLUMN leased_until timestamptz;
CREATE INDEX outbox_waiting_idx ON outbox (occurred_at) WHERE distributed_at IS NULL;
CREATE INDEX outbox_distributed_idx ON outbox (distributed_at) WHERE distributed_at IS NOT NULL;

-- What one consumer has not taken yet of an event that was distributed.
CREATE TABLE deliveries (
    tenant_id uuid NOT NULL,
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    due_at timestamptz NOT NULL,
    lease uuid,
    attempts bigint NOT NULL,
    last_error text,
    dead_at timestamptz,
    CONSTRAINT "deliveries(event_id,consumer)" PRIMARY KEY (tenant_id, event_id, consumer),
    CONSTRAINT deliveries_event_id_fkey FOREIGN KEY (tenant_id, event_id) REFERENCES outbox (tenant_id, id),
    CONSTRAINT deliveries_dead_has_no_lease CHECK (dead_at IS NULL OR lease IS NULL)
);
GRANT SELECT ON deliveries TO rustok_app;
GRANT SELECT ON deliveries TO rustok_backup;
ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON deliveries TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON deliveries FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
GRANT SELECT, INSERT, UPDATE, DELETE ON deliveries TO rustok_platform;
CREATE POLICY platform ON deliveries TO rustok_platform USING (true) WITH CHECK (true);
CREATE INDEX deliveries_due_idx ON deliveries (due_at) WHERE dead_at IS NULL;
CREATE INDEX deliveries_dead_idx ON deliveries (dead_at) WHERE dead_at IS NOT NULL;
