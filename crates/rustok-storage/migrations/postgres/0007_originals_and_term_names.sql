-- In which locale a node was written first: it is the last resort of a reader, and stays. Terms are found by their names
-- in the form in which names are compared; old rows get the nearest form that SQL knows. Row security is not forced on the
-- owner while old rows are filled in: as a plain owner he would see none of them.

ALTER TABLE node_translations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE node_revisions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE nodes NO FORCE ROW LEVEL SECURITY;
ALTER TABLE terms NO FORCE ROW LEVEL SECURITY;

ALTER TABLE node_translations ADD COLUMN is_original boolean NOT NULL DEFAULT false;
UPDATE node_translations t SET is_original = true WHERE EXISTS (
    SELECT 1 FROM node_revisions r WHERE r.tenant_id = t.tenant_id
        AND r.node_id = t.node_id AND r.locale = t.locale AND r.revision = 1);
-- A text that goes with the next publish: it is live, and nobody works on it.
ALTER TABLE node_translations ADD COLUMN is_removed boolean NOT NULL DEFAULT false
    CHECK (NOT is_removed OR (slug IS NULL AND published_revision IS NOT NULL AND NOT is_original));
CREATE UNIQUE INDEX "node_translations(node_id)" ON node_translations (tenant_id, node_id) WHERE is_original;

-- Only a date that lay ahead when it was given is waited for.
ALTER TABLE nodes ADD COLUMN scheduled boolean NOT NULL DEFAULT false CHECK (NOT scheduled OR status <> 'draft');
UPDATE nodes SET scheduled = true WHERE status = 'published' AND published_at > updated_at;
UPDATE nodes SET scheduled = true WHERE status = 'archived' AND published_at > archived_at;
CREATE INDEX nodes_at_once_idx ON nodes (tenant_id, published_at) WHERE status = 'published' AND NOT scheduled;

ALTER TABLE terms ADD COLUMN name_folded text NOT NULL DEFAULT '' COLLATE "C";
UPDATE terms SET name_folded = lower(name);
CREATE INDEX terms_name_idx ON terms (tenant_id, taxonomy, name_folded);

ALTER TABLE node_translations FORCE ROW LEVEL SECURITY;
ALTER TABLE node_revisions FORCE ROW LEVEL SECURITY;
ALTER TABLE nodes FORCE ROW LEVEL SECURITY;
ALTER TABLE terms FORCE ROW LEVEL SECURITY;

-- No list means every locale. Each tenant had one with its default locale alone, and nothing read it.
UPDATE tenants SET settings = jsonb_set(settings, '{locales}', '[]')
    WHERE jsonb_typeof(settings -> 'locales') = 'array' AND jsonb_array_length(settings -> 'locales') = 1;
