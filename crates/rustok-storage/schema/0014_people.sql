-- Accounts of people, their memberships in tenants, and their sessions.

-- A user exists once per installation. password_hash: NULL until a password was set. vouched_at: when the operator said
-- that the account is that person's; NULL for one that was made by accepting an invitation. version: grows with each change.
CREATE PLATFORM TABLE users (
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    password_hash text,
    created_at time NOT NULL,
    disabled_at time,
    vouched_at time,
    version int NOT NULL CONSTRAINT users_version_positive CHECK (version > 0),
    PRIMARY KEY (id),
    UNIQUE (email)
);

-- email, name and disabled_at are those of the account in account_version: a tenant sees its members, and no other
-- accounts.
CREATE TENANT TABLE memberships (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL REFERENCES users (id),
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL CONSTRAINT memberships_role_known
        CHECK (role IN ('owner', 'admin', 'manager', 'editor', 'author', 'support', 'viewer')),
    created_at time NOT NULL,
    updated_at time NOT NULL,
    disabled_at time,
    account_version int NOT NULL,
    version int NOT NULL CONSTRAINT memberships_version_positive CHECK (version > 0),
    PRIMARY KEY (tenant_id, user_id)
) CLAIMED (SELECT, UPDATE);
CREATE INDEX memberships_user_idx ON memberships (user_id);

-- host: the session is valid at this host only. seen_at: its last use, written at intervals.
CREATE TENANT TABLE sessions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    hash bytes NOT NULL,
    host text NOT NULL,
    device text NOT NULL,
    address text,
    created_at time NOT NULL,
    seen_at time NOT NULL,
    expires_at time NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, hash),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id)
) CLAIMED (SELECT, DELETE);
CREATE INDEX sessions_of_member_idx ON sessions (tenant_id, user_id, created_at);
CREATE INDEX sessions_user_idx ON sessions (user_id);
CREATE INDEX sessions_expires_idx ON sessions (expires_at);

-- A link opens a session of a member, once.
CREATE TENANT TABLE sign_in_links (
    tenant_id uuid NOT NULL,
    hash bytes NOT NULL,
    user_id uuid NOT NULL,
    expires_at time NOT NULL,
    PRIMARY KEY (tenant_id, hash),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id)
) CLAIMED (SELECT, DELETE);
CREATE INDEX sign_in_links_user_idx ON sign_in_links (user_id);
CREATE INDEX sign_in_links_expires_idx ON sign_in_links (expires_at);

-- An invitation makes a person a member who is none yet. actor: who invited.
CREATE TENANT TABLE invitations (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    email text NOT NULL,
    role text NOT NULL CONSTRAINT invitations_role_known
        CHECK (role IN ('owner', 'admin', 'manager', 'editor', 'author', 'support', 'viewer')),
    hash bytes NOT NULL,
    actor text NOT NULL,
    created_at time NOT NULL,
    expires_at time NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, email),
    UNIQUE (tenant_id, hash)
) CLAIMED (SELECT, DELETE);
CREATE INDEX invitations_expires_idx ON invitations (expires_at);

-- The tokens that can be used, however many were revoked.
CREATE INDEX api_tokens_valid_idx ON api_tokens (tenant_id, id) WHERE revoked_at IS NULL;
