-- Tokens of the platform and of tenants. Only their hashes are stored.

CREATE PLATFORM TABLE platform_tokens (
    id uuid NOT NULL,
    name text NOT NULL,
    hash bytes NOT NULL,
    created_at time NOT NULL,
    revoked_at time,
    PRIMARY KEY (id),
    UNIQUE (hash)
);

CREATE TENANT TABLE api_tokens (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    name text NOT NULL,
    role text NOT NULL CONSTRAINT api_tokens_role_known CHECK (role IN ('admin', 'editor', 'viewer')),
    hash bytes NOT NULL,
    created_at time NOT NULL,
    revoked_at time,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, hash)
);
