-- Jobs, and events on their way to their consumers: all are claimed by lease (docs/adr/0032).

-- A claimed job falls due again at the end of its lease. A dead one failed too often and is not tried again.
CREATE TENANT TABLE jobs (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT jobs_kind_known CHECK (kind IN ('expire_order', 'fail_import')),
    subject_id uuid NOT NULL,
    due_at time NOT NULL,
    lease uuid,
    attempts int NOT NULL DEFAULT 0,
    last_error text,
    dead_at time,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, kind, subject_id),
    CONSTRAINT jobs_dead_has_no_lease CHECK (dead_at IS NULL OR lease IS NULL)
) CLAIMED (SELECT, UPDATE);
CREATE INDEX jobs_due_idx ON jobs (due_at) WHERE dead_at IS NULL;
CREATE INDEX jobs_dead_idx ON jobs (dead_at) WHERE dead_at IS NOT NULL;
INSERT INTO jobs (tenant_id, id, kind, subject_id, due_at) SELECT tenant_id, id, kind, subject_id, due_at FROM due_work;
DROP TABLE due_work;

-- An event is distributed once each of its consumers has had it or has a delivery. What was delivered before stays so,
-- what waited still waits.
DROP INDEX outbox_waiting_idx;
DROP INDEX outbox_delivered_idx;
ALTER TABLE outbox RENAME COLUMN delivered_at TO distributed_at;
ALTER TABLE outbox ADD COLUMN lease uuid;
ALTER TABLE outbox ADD COLUMN leased_until time;
CREATE INDEX outbox_waiting_idx ON outbox (occurred_at) WHERE distributed_at IS NULL;
CREATE INDEX outbox_distributed_idx ON outbox (distributed_at) WHERE distributed_at IS NOT NULL;

-- What one consumer has not taken yet of an event that was distributed.
CREATE TENANT TABLE deliveries (
    tenant_id uuid NOT NULL,
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    due_at time NOT NULL,
    lease uuid,
    attempts int NOT NULL,
    last_error text,
    dead_at time,
    PRIMARY KEY (tenant_id, event_id, consumer),
    FOREIGN KEY (tenant_id, event_id) REFERENCES outbox (tenant_id, id),
    CONSTRAINT deliveries_dead_has_no_lease CHECK (dead_at IS NULL OR lease IS NULL)
) RIGHTS (SELECT) CLAIMED (SELECT, INSERT, UPDATE, DELETE);
CREATE INDEX deliveries_due_idx ON deliveries (due_at) WHERE dead_at IS NULL;
CREATE INDEX deliveries_dead_idx ON deliveries (dead_at) WHERE dead_at IS NOT NULL;
