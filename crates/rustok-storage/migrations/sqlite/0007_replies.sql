-- Made from schema/0007_replies.sql by `cargo run -p xtask -- schema`: change that file.

-- Replies that are kept for an Idempotency-Key. They are sealed with the client's key, and the key itself is a hash
-- (docs/adr/0011). Requests to the platform have such replies too.

CREATE TABLE idempotency_records (
    tenant_id BLOB NOT NULL CONSTRAINT idempotency_records_tenant_id_fkey REFERENCES tenants (id),
    actor TEXT NOT NULL,
    route TEXT NOT NULL,
    key_hash BLOB NOT NULL CONSTRAINT idempotency_records_key_length CHECK (length(key_hash) = 32),
    body_hash BLOB NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    sealed_body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT "idempotency_records(actor,route,key_hash)" PRIMARY KEY (tenant_id, actor, route, key_hash)
) STRICT;
CREATE INDEX idempotency_records_created_idx ON idempotency_records (tenant_id, created_at);

CREATE TABLE platform_idempotency_records (
    actor TEXT NOT NULL,
    route TEXT NOT NULL,
    key_hash BLOB NOT NULL CONSTRAINT platform_idempotency_records_key_length CHECK (length(key_hash) = 32),
    body_hash BLOB NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    sealed_body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT "platform_idempotency_records(actor,route,key_hash)" PRIMARY KEY (actor, route, key_hash)
) STRICT;
CREATE INDEX platform_idempotency_records_created_idx ON platform_idempotency_records (created_at);
