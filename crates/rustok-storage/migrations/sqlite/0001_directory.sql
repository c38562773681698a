-- Made from schema/0001_directory.sql by `cargo run -p xtask -- schema`: change that file.

-- The tenant directory.

-- directory_version: the change of the directory that was the last to touch this tenant or its hosts.
CREATE TABLE tenants (
    id BLOB NOT NULL,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL CONSTRAINT tenants_status_known CHECK (status IN ('active', 'suspended')),
    settings TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL CONSTRAINT tenants_version_positive CHECK (version > 0),
    directory_version INTEGER NOT NULL,
    CONSTRAINT "tenants(id)" PRIMARY KEY (id),
    CONSTRAINT "tenants(slug)" UNIQUE (slug)
) STRICT;
CREATE INDEX tenants_directory_version_idx ON tenants (directory_version);

CREATE TABLE tenant_hosts (
    host TEXT NOT NULL,
    tenant_id BLOB NOT NULL CONSTRAINT tenant_hosts_tenant_id_fkey REFERENCES tenants (id),
    created_at INTEGER NOT NULL,
    CONSTRAINT "tenant_hosts(host)" PRIMARY KEY (host)
) STRICT;
CREATE INDEX tenant_hosts_tenant_idx ON tenant_hosts (tenant_id, host);

CREATE TABLE directory_version (
    id INTEGER NOT NULL CONSTRAINT directory_version_single_row CHECK (id = 1),
    version INTEGER NOT NULL,
    CONSTRAINT "directory_version(id)" PRIMARY KEY (id)
) STRICT;

INSERT INTO directory_version (id, version) VALUES (1, 1);

-- What a tenant's own transaction may read of the directory: whether the tenant is served.
CREATE VIEW own_tenant AS SELECT id, status FROM tenants;
