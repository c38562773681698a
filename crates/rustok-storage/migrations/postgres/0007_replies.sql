-- Made from schema/0007_replies.sql by `cargo run -p xtask -- schema`: change that file.

-- Replies that are kept for an Idempotency-Key. They are sealed with the client's key, and the key itself is a hash
-- (docs/adr/0011). Requests to the platform have such replies too.

CREATE TABLE idempotency_records (
    tenant_id uuid NOT NULL CONSTRAINT idempotency_records_tenant_id_fkey REFERENCES tenants (id),
    actor text NOT NULL,
    route text NOT NULL,
    key_hash bytea NOT NULL CONSTRAINT idempotency_records_key_length CHECK (length(key_hash) = 32),
    body_hash bytea NOT NULL,
    status bigint NOT NULL,
    headers jsonb NOT NULL,
    sealed_body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT "idempotency_records(actor,route,key_hash)" PRIMARY KEY (tenant_id, actor, route, key_hash)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_records TO rustok_app;
GRANT SELECT ON idempotency_records TO rustok_backup;
ALTER TABLE idempotency_records ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_records FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON idempotency_records TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON idempotency_records FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
CREATE INDEX idempotency_records_created_idx ON idempotency_records (tenant_id, created_at);

CREATE TABLE platform_idempotency_records (
    actor text NOT NULL,
    route text NOT NULL,
    key_hash bytea NOT NULL CONSTRAINT platform_idempotency_records_key_length CHECK (length(key_hash) = 32),
    body_hash bytea NOT NULL,
    status bigint NOT NULL,
    headers jsonb NOT NULL,
    sealed_body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT "platform_idempotency_records(actor,route,key_hash)" PRIMARY KEY (actor, route, key_hash)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON platform_idempotency_records TO rustok_platform;
GRANT SELECT ON platform_idempotency_records TO rustok_backup;
CREATE INDEX platform_idempotency_records_created_idx ON platform_idempotency_records (created_at);
