-- In which locale a node was written first: it is the last resort of a reader, and stays. Terms are found by their names
-- in the form in which names are compared; old rows get the nearest form that SQL knows.

ALTER TABLE node_translations ADD COLUMN is_original INTEGER NOT NULL DEFAULT 0 CHECK (is_original IN (0, 1));
UPDATE node_translations SET is_original = 1 WHERE EXISTS (
    SELECT 1 FROM node_revisions r WHERE r.tenant_id = node_translations.tenant_id
        AND r.node_id = node_translations.node_id AND r.locale = node_translations.locale AND r.revision = 1);
-- A text that goes with the next publish: it is live, and nobody works on it.
ALTER TABLE node_translations ADD COLUMN is_removed INTEGER NOT NULL DEFAULT 0
    CHECK (is_removed = 0 OR (is_removed = 1 AND slug IS NULL AND published_revision IS NOT NULL AND is_original = 0));
CREATE UNIQUE INDEX node_translations_original_key ON node_translations (tenant_id, node_id) WHERE is_original = 1;

-- Only a date that lay ahead when it was given is waited for.
ALTER TABLE nodes ADD COLUMN scheduled INTEGER NOT NULL DEFAULT 0
    CHECK (scheduled = 0 OR (scheduled = 1 AND status <> 'draft'));
UPDATE nodes SET scheduled = 1 WHERE status = 'published' AND published_at > updated_at;
UPDATE nodes SET scheduled = 1 WHERE status = 'archived' AND published_at > archived_at;
CREATE INDEX nodes_at_once_idx ON nodes (tenant_id, published_at) WHERE status = 'published' AND NOT scheduled;

ALTER TABLE terms ADD COLUMN name_folded TEXT NOT NULL DEFAULT '';
UPDATE terms SET name_folded = lower(name);
CREATE INDEX terms_name_idx ON terms (tenant_id, taxonomy, name_folded);

-- No list means every locale. Each tenant had one with its default locale alone, and nothing read it.
UPDATE tenants SET settings = json_set(settings, '$.locales', json('[]'))
    WHERE json_array_length(settings, '$.locales') = 1;
