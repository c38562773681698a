-- Made from schema/0014_people.sql by `cargo run -p xtask -- schema`: change that file.

-- Accounts of people, their memberships in tenants, and their sessions.

-- A user exists once per installation. password_hash: NULL until a password was set. vouched_at: when the operator said
-- that the account is that person's; NULL for one that was made by accepting an invitation. version: grows with each change.
CREATE TABLE users (
    id BLOB NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash TEXT,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER,
    vouched_at INTEGER,
    version INTEGER NOT NULL CONSTRAINT users_version_positive CHECK (version > 0),
    CONSTRAINT "users(id)" PRIMARY KEY (id),
    CONSTRAINT "users(email)" UNIQUE (email)
) STRICT;

-- email, name and disabled_at are those of the account in account_version: a tenant sees its members, and no other
-- accounts.
CREATE TABLE memberships (
    tenant_id BLOB NOT NULL CONSTRAINT memberships_tenant_id_fkey REFERENCES tenants (id),
    user_id BLOB NOT NULL CONSTRAINT memberships_user_id_fkey REFERENCES users (id),
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CONSTRAINT memberships_role_known CHECK (role IN ('owner', 'admin', 'manager', 'editor', 'author', 'support', 'viewer')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    disabled_at INTEGER,
    account_version INTEGER NOT NULL,
    version INTEGER NOT NULL CONSTRAINT memberships_version_positive CHECK (version > 0),
    CONSTRAINT "memberships(user_id)" PRIMARY KEY (tenant_id, user_id)
) STRICT;
CREATE INDEX memberships_user_idx ON memberships (user_id);

-- host: the session is valid at this host only. seen_at: its last use, written at intervals.
CREATE TABLE sessions (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    host TEXT NOT NULL,
    device TEXT NOT NULL,
    address TEXT,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT "sessions(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "sessions(hash)" UNIQUE (tenant_id, hash),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id)
) STRICT;
CREATE INDEX sessions_of_member_idx ON sessions (tenant_id, user_id, created_at);
CREATE INDEX sessions_user_idx ON sessions (user_id);
CREATE INDEX sessions_expires_idx ON sessions (expires_at);

-- A link opens a session of a member, once.
CREATE TABLE sign_in_links (
    tenant_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    user_id BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT "sign_in_links(hash)" PRIMARY KEY (tenant_id, hash),
    CONSTRAINT sign_in_links_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id)
) STRICT;
CREATE INDEX sign_in_links_user_idx ON sign_in_links (user_id);
CREATE INDEX sign_in_links_expires_idx ON sign_in_links (expires_at);

-- An invitation makes a person a member who is none yet. actor: who invited.
CREATE TABLE invitations (
    tenant_id BLOB NOT NULL CONSTRAINT invitations_tenant_id_fkey REFERENCES tenants (id),
    id BLOB NOT NULL,
    email TEXT NOT NULL,
    role TEXT NOT NULL CONSTRAINT invitations_role_known CHECK (role IN ('owner', 'admin', 'manager', 'editor', 'author', 'support', 'viewer')),
    hash BLOB NOT NULL,
    actor TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT "invitations(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "invitations(email)" UNIQUE (tenant_id, email),
    CONSTRAINT "invitations(hash)" UNIQUE (tenant_id, hash)
) STRICT;
CREATE INDEX invitations_expires_idx ON invitations (expires_at);

-- The tokens that can be used, however many were revoked.
CREATE INDEX api_tokens_valid_idx ON api_tokens (tenant_id, id) WHERE revoked_at IS NULL;
