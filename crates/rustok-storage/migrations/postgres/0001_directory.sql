-- Made from schema/0001_directory.sql by `cargo run -p xtask -- schema`: change that file.

-- The tenant directory.

-- directory_version: the change of the directory that was the last to touch this tenant or its hosts.
CREATE TABLE tenants (
    id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    status text NOT NULL CONSTRAINT tenants_status_known CHECK (status IN ('active', 'suspended')),
    settings jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL CONSTRAINT tenants_version_positive CHECK (version > 0),
    directory_version bigint NOT NULL,
    CONSTRAINT "tenants(id)" PRIMARY KEY (id),
    CONSTRAINT "tenants(slug)" UNIQUE (slug)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON tenants TO rustok_platform;
GRANT SELECT ON tenants TO rustok_backup;
CREATE INDEX tenants_directory_version_idx ON tenants (directory_version);

CREATE TABLE tenant_hosts (
    host text NOT NULL,
    tenant_id uuid NOT NULL CONSTRAINT tenant_hosts_tenant_id_fkey REFERENCES tenants (id),
    created_at timestamptz NOT NULL,
    CONSTRAINT "tenant_hosts(host)" PRIMARY KEY (host)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_hosts TO rustok_platform;
GRANT SELECT ON tenant_hosts TO rustok_backup;
CREATE INDEX tenant_hosts_tenant_idx ON tenant_hosts (tenant_id, host);

CREATE TABLE directory_version (
    id bigint NOT NULL CONSTRAINT directory_version_single_row CHECK (id = 1),
    version bigint NOT NULL,
    CONSTRAINT "directory_version(id)" PRIMARY KEY (id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON directory_version TO rustok_platform;
GRANT SELECT ON directory_version TO rustok_backup;

INSERT INTO directory_version (id, version) VALUES (1, 1);

-- What a tenant's own transaction may read of the directory: whether the tenant is served.
CREATE VIEW own_tenant WITH (security_barrier) AS
    SELECT id, status FROM tenants WHERE id = nullif(current_setting('rustok.tenant_id', true), '')::uuid;
GRANT SELECT ON own_tenant TO rustok_app;
