-- When a save was made tells two of the same number apart, one of which was lost in a restore. Lists ask for it without
-- reading the text that stands before it in the row.

CREATE INDEX node_revisions_saved_idx ON node_revisions (tenant_id, node_id, locale, revision, created_at);
