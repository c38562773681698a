-- Replies that are kept for an Idempotency-Key. They are sealed with the client's key, and the key itself is a hash
-- (docs/adr/0011). Requests to the platform have such replies too.

CREATE TENANT TABLE idempotency_records (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    actor text NOT NULL,
    route text NOT NULL,
    key_hash bytes NOT NULL CONSTRAINT idempotency_records_key_length CHECK (length(key_hash) = 32),
    body_hash bytes NOT NULL,
    status int NOT NULL,
    headers json NOT NULL,
    sealed_body bytes NOT NULL,
    created_at time NOT NULL,
    PRIMARY KEY (tenant_id, actor, route, key_hash)
);
CREATE INDEX idempotency_records_created_idx ON idempotency_records (tenant_id, created_at);

CREATE PLATFORM TABLE platform_idempotency_records (
    actor text NOT NULL,
    route text NOT NULL,
    key_hash bytes NOT NULL CONSTRAINT platform_idempotency_records_key_length CHECK (length(key_hash) = 32),
    body_hash bytes NOT NULL,
    status int NOT NULL,
    headers json NOT NULL,
    sealed_body bytes NOT NULL,
    created_at time NOT NULL,
    PRIMARY KEY (actor, route, key_hash)
);
CREATE INDEX platform_idempotency_records_created_idx ON platform_idempotency_records (created_at);
