-- Made from schema/0014_people.sql by `cargo run -p xtask -- schema`: change that file.

-- Accounts of people, their memberships in tenants, and their sessions.

-- A user exists once per installation. password_hash: NULL until a password was set. vouched_at: when the operator said
-- that the account is that person's; NULL for one that was made by accepting an invitation. version: grows with each change.
CREATE TABLE users (
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    password_hash text,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    vouched_at timestamptz,
    version bigint NOT NULL CONSTRAINT users_version_positive CHECK (version > 0),
    CONSTRAINT "users(id)" PRIMARY KEY (id),
    CONSTRAINT "users(email)" UNIQUE (email)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON users TO rustok_platform;
GRANT SELECT ON users TO rustok_backup;

-- email, name and disabled_at are those of the account in account_version: a tenant sees its members, and no other
-- accounts.
CREATE TABLE memberships (
    tenant_id uuid NOT NULL CONSTRAINT memberships_tenant_id_fkey REFERENCES tenants (id),
    user_id uuid NOT NULL CONSTRAINT memberships_user_id_fkey REFERENCES users (id),
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL CONSTRAINT memberships_role_known CHECK (role IN ('owner', 'admin', 'manager', 'editor', 'author', 'support', 'viewer')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    disabled_at timestamptz,
    account_version bigint NOT NULL,
    version bigint NOT NULL CONSTRAINT memberships_version_positive CHECK (version > 0),
    CONSTRAINT "memberships(user_id)" PRIMARY KEY (tenant_id, user_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON memberships TO rustok_app;
GRANT SELECT ON memberships TO rustok_backup;
ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
ALTER TABLE memberships FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON memberships TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON memberships FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
GRANT SELECT, UPDATE ON memberships TO rustok_platform;
CREATE POLICY platform ON memberships TO rustok_platform USING (true) WITH CHECK (true);
CREATE INDEX memberships_user_idx ON memberships (user_id);

-- host: the session is valid at this host only. seen_at: its last use, written at intervals.
CREATE TABLE sessions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    hash bytea NOT NULL,
    host text NOT NULL,
    device text NOT NULL,
    address text,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT "sessions(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "sessions(hash)" UNIQUE (tenant_id, hash),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO rustok_app;
GRANT SELECT ON sessions TO rustok_backup;
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON sessions TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON sessions FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
GRANT SELECT, DELETE ON sessions TO rustok_platform;
CREATE POLICY platform ON sessions TO rustok_platform USING (true);
CREATE INDEX sessions_of_member_idx ON sessions (tenant_id, user_id, created_at);
CREATE INDEX sessions_user_idx ON sessions (user_id);
CREATE INDEX sessions_expires_idx ON sessions (expires_at);

-- A link opens a session of a member, once.
CREATE TABLE sign_in_links (
    tenant_id uuid NOT NULL,
    hash bytea NOT NULL,
    user_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT "sign_in_links(hash)" PRIMARY KEY (tenant_id, hash),
    CONSTRAINT sign_in_links_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_links TO rustok_app;
GRANT SELECT ON sign_in_links TO rustok_backup;
ALTER TABLE sign_in_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_links FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON sign_in_links TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON sign_in_links FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
GRANT SELECT, DELETE ON sign_in_links TO rustok_platform;
CREATE POLICY platform ON sign_in_links TO rustok_platform USING (true);
CREATE INDEX sign_in_links_user_idx ON sign_in_links (user_id);
CREATE INDEX sign_in_links_expires_idx ON sign_in_links (expires_at);

-- An invitation makes a person a member who is none yet. actor: who invited.
CREATE TABLE invitations (
    tenant_id uuid NOT NULL CONSTRAINT invitations_tenant_id_fkey REFERENCES tenants (id),
    id uuid NOT NULL,
    email text NOT NULL,
    role text NOT NULL CONSTRAINT invitations_role_known CHECK (role IN ('owner', 'admin', 'manager', 'editor', 'author', 'support', 'viewer')),
    hash bytea NOT NULL,
    actor text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT "invitations(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "invitations(email)" UNIQUE (tenant_id, email),
    CONSTRAINT "invitations(hash)" UNIQUE (tenant_id, hash)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON invitations TO rustok_app;
GRANT SELECT ON invitations TO rustok_backup;
ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON invitations TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON invitations FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
GRANT SELECT, DELETE ON invitations TO rustok_platform;
CREATE POLICY platform ON invitations TO rustok_platform USING (true);
CREATE INDEX invitations_expires_idx ON invitations (expires_at);

-- The tokens that can be used, however many were revoked.
CREATE INDEX api_tokens_valid_idx ON api_tokens (tenant_id, id) WHERE revoked_at IS NULL;
