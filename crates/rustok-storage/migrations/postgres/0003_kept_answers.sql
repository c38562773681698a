-- Kept answers are sealed with the client's key, and the key itself is a hash (docs/adr/0011); requests to the platform
-- have such answers too. What was kept in clear is forgotten.

DROP TABLE idempotency_records;
CREATE TABLE idempotency_records (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    actor text NOT NULL,
    route text NOT NULL,
    key_hash bytea NOT NULL CHECK (length(key_hash) = 32),
    body_hash bytea NOT NULL,
    status bigint NOT NULL,
    headers jsonb NOT NULL,
    sealed_body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT "idempotency_records(actor,route,key_hash)" PRIMARY KEY (tenant_id, actor, route, key_hash)
);
CREATE INDEX idempotency_records_created_idx ON idempotency_records (tenant_id, created_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_records TO rustok_app;
ALTER TABLE idempotency_records ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_records FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON idempotency_records TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);

CREATE TABLE platform_idempotency_records (
    actor text NOT NULL,
    route text NOT NULL,
    key_hash bytea NOT NULL CHECK (length(key_hash) = 32),
    body_hash bytea NOT NULL,
    status bigint NOT NULL,
    headers jsonb NOT NULL,
    sealed_body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT "platform_idempotency_records(actor,route,key_hash)" PRIMARY KEY (actor, route, key_hash)
);
CREATE INDEX platform_idempotency_records_created_idx ON platform_idempotency_records (created_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON platform_idempotency_records TO rustok_platform;
