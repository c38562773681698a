-- Kept answers are sealed with the client's key, and the key itself is a hash (docs/adr/0011); requests to the platform
-- have such answers too. What was kept in clear is forgotten.

DROP TABLE idempotency_records;
CREATE TABLE idempotency_records (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    actor TEXT NOT NULL,
    route TEXT NOT NULL,
    key_hash BLOB NOT NULL CHECK (length(key_hash) = 32),
    body_hash BLOB NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    sealed_body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, actor, route, key_hash)
) STRICT;
CREATE INDEX idempotency_records_created_idx ON idempotency_records (tenant_id, created_at);

CREATE TABLE platform_idempotency_records (
    actor TEXT NOT NULL,
    route TEXT NOT NULL,
    key_hash BLOB NOT NULL CHECK (length(key_hash) = 32),
    body_hash BLOB NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    sealed_body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (actor, route, key_hash)
) STRICT;
CREATE INDEX platform_idempotency_records_created_idx ON platform_idempotency_records (created_at);
