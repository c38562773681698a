-- The tenant directory.

-- directory_version: the change of the directory that was the last to touch this tenant or its hosts.
CREATE PLATFORM TABLE tenants (
    id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    status text NOT NULL CONSTRAINT tenants_status_known CHECK (status IN ('active', 'suspended')),
    settings json NOT NULL,
    created_at time NOT NULL,
    updated_at time NOT NULL,
    version int NOT NULL CONSTRAINT tenants_version_positive CHECK (version > 0),
    directory_version int NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (slug)
);
CREATE INDEX tenants_directory_version_idx ON tenants (directory_version);

CREATE PLATFORM TABLE tenant_hosts (
    host text NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    created_at time NOT NULL,
    PRIMARY KEY (host)
);
CREATE INDEX tenant_hosts_tenant_idx ON tenant_hosts (tenant_id, host);

CREATE PLATFORM TABLE directory_version (
    id int NOT NULL CONSTRAINT directory_version_single_row CHECK (id = 1),
    version int NOT NULL,
    PRIMARY KEY (id)
);
INSERT INTO directory_version (id, version) VALUES (1, 1);

-- What a tenant's own transaction may read of the directory: whether the tenant is served.
CREATE TENANT VIEW own_tenant (id, status) OF tenants;
