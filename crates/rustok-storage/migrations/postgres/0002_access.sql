-- Made from schema/0002_access.sql by `cargo run -p xtask -- schema`: change that file.

-- Tokens of the platform and of tenants. Only their hashes are stored.

CREATE TABLE platform_tokens (
    id uuid NOT NULL,
    name text NOT NULL,
    hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT "platform_tokens(id)" PRIMARY KEY (id),
    CONSTRAINT "platform_tokens(hash)" UNIQUE (hash)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON platform_tokens TO rustok_platform;
GRANT SELECT ON platform_tokens TO rustok_backup;

CREATE TABLE api_tokens (
    tenant_id uuid NOT NULL CONSTRAINT api_tokens_tenant_id_fkey REFERENCES tenants (id),
    id uuid NOT NULL,
    name text NOT NULL,
    role text NOT NULL CONSTRAINT api_tokens_role_known CHECK (role IN ('admin', 'editor', 'viewer')),
    hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT "api_tokens(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "api_tokens(hash)" UNIQUE (tenant_id, hash)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON api_tokens TO rustok_app;
GRANT SELECT ON api_tokens TO rustok_backup;
ALTER TABLE api_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_tokens TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON api_tokens FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
