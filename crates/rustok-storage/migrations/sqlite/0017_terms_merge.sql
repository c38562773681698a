-- Made from schema/0017_terms_merge.sql by `cargo run -p xtask -- schema`: change that file.

-- retired_at: since when a term is being deleted, or merged into another one (merged_into). Its slug and its folded name
-- are given up, so that nothing finds it by them; nodes and categories that have it lose it in parts.
ALTER TABLE terms ADD COLUMN retired_at INTEGER;

ALTER TABLE terms ADD COLUMN merged_into BLOB;

DROP INDEX terms_name_idx;
CREATE INDEX terms_name_idx ON terms (tenant_id, taxonomy, name_folded, id);
CREATE INDEX terms_merged_idx ON terms (tenant_id, merged_into) WHERE merged_into IS NOT NULL;

-- The same for an author, whose login is given up.
ALTER TABLE authors ADD COLUMN retired_at INTEGER;

ALTER TABLE authors ADD COLUMN merged_into BLOB;
CREATE INDEX authors_merged_idx ON authors (tenant_id, merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX nodes_author_idx ON nodes (tenant_id, author_id, id);

CREATE TABLE jobs_rebuilt (
    tenant_id BLOB NOT NULL CONSTRAINT jobs_tenant_id_fkey REFERENCES tenants (id),
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    due_at INTEGER NOT NULL,
    lease BLOB,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    dead_at INTEGER,
    CONSTRAINT "jobs(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "jobs(kind,subject_id)" UNIQUE (tenant_id, kind, subject_id),
    CONSTRAINT jobs_dead_has_no_lease CHECK (dead_at IS NULL OR lease IS NULL),
    CONSTRAINT jobs_kind_known CHECK (kind IN ('expire_order', 'fail_import', 'send_mail', 'retire_term', 'retire_author'))
) STRICT;
INSERT INTO jobs_rebuilt (tenant_id, id, kind, subject_id, due_at, lease, attempts, last_error, dead_at) SELECT tenant_id, id, kind, subject_id, due_at, lease, attempts, last_error, dead_at FROM jobs;
DROP TABLE jobs;
ALTER TABLE jobs_rebuilt RENAME TO jobs;
CREATE INDEX jobs_due_idx ON jobs (due_at) WHERE dead_at IS NULL;
CREATE INDEX jobs_dead_idx ON jobs (dead_at) WHERE dead_at IS NOT NULL;
