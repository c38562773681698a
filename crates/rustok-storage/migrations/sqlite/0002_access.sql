-- Made from schema/0002_access.sql by `cargo run -p xtask -- schema`: change that file.

-- Tokens of the platform and of tenants. Only their hashes are stored.

CREATE TABLE platform_tokens (
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    hash BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    CONSTRAINT "platform_tokens(id)" PRIMARY KEY (id),
    CONSTRAINT "platform_tokens(hash)" UNIQUE (hash)
) STRICT;

CREATE TABLE api_tokens (
    tenant_id BLOB NOT NULL CONSTRAINT api_tokens_tenant_id_fkey REFERENCES tenants (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CONSTRAINT api_tokens_role_known CHECK (role IN ('admin', 'editor', 'viewer')),
    hash BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    CONSTRAINT "api_tokens(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "api_tokens(hash)" UNIQUE (tenant_id, hash)
) STRICT;
