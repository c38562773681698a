-- Events that are to be delivered, and work that is to be done later.

CREATE TENANT TABLE outbox (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    topic text NOT NULL,
    subject_id uuid NOT NULL,
    payload json NOT NULL,
    traceparent text,
    occurred_at time NOT NULL,
    delivered_at time,
    PRIMARY KEY (tenant_id, id)
) CLAIMED (SELECT, UPDATE, DELETE);
CREATE INDEX outbox_waiting_idx ON outbox (occurred_at) WHERE delivered_at IS NULL;
-- Delivered events are deleted by this index.
CREATE INDEX outbox_delivered_idx ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;

CREATE TENANT TABLE due_work (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT due_work_kind_known CHECK (kind IN ('expire_order', 'fail_import')),
    subject_id uuid NOT NULL,
    due_at time NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, kind, subject_id)
) CLAIMED (SELECT);
CREATE INDEX due_work_due_idx ON due_work (due_at);
