-- Made from schema/0017_terms_merge.sql by `cargo run -p xtask -- schema`: change that file.

-- retired_at: since when a term is being deleted, or merged into another one (merged_into). Its slug and its folded name
-- are given up, so that nothing finds it by them; nodes and categories that have it lose it in parts.
ALTER TABLE terms ADD COLUMN retired_at timestamptz;

ALTER TABLE terms ADD COLUMN merged_into uuid;

DROP INDEX terms_name_idx;
CREATE INDEX terms_name_idx ON terms (tenant_id, taxonomy, name_folded, id);
CREATE INDEX terms_merged_idx ON terms (tenant_id, merged_into) WHERE merged_into IS NOT NULL;

-- The same for an author, whose login is given up.
ALTER TABLE authors ADD COLUMN retired_at timestamptz;

ALTER TABLE authors ADD COLUMN merged_into uuid;
CREATE INDEX authors_merged_idx ON authors (tenant_id, merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX nodes_author_idx ON nodes (tenant_id, author_id, id);

ALTER TABLE jobs DROP CONSTRAINT jobs_kind_known;

ALTER TABLE jobs ADD CONSTRAINT jobs_kind_known CHECK (kind IN ('expire_order', 'fail_import', 'send_mail', 'retire_term', 'retire_author'));
