CREATE TABLE notes (
    tenant_id uuid NOT NULL CONSTRAINT notes_tenant_id_fkey REFERENCES accounts (id),
    id uuid NOT NULL,
    word text NOT NULL,
    text text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT "notes(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "notes(word)" UNIQUE (tenant_id, word)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO rustok_app;
GRANT SELECT ON notes TO rustok_backup;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON notes TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON notes FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');

CREATE TABLE marks (
    tenant_id uuid NOT NULL CONSTRAINT marks_tenant_id_fkey REFERENCES accounts (id),
    note_id uuid NOT NULL,
    number bigint NOT NULL,
    CONSTRAINT "marks(note_id)" PRIMARY KEY (tenant_id, note_id),
    CONSTRAINT marks_note_id_fkey FOREIGN KEY (tenant_id, note_id) REFERENCES notes (tenant_id, id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON marks TO rustok_app;
GRANT SELECT ON marks TO rustok_backup;
ALTER TABLE marks ENABLE ROW LEVEL SECURITY;
ALTER TABLE marks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON marks TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON marks FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');

CREATE TABLE lefts (
    tenant_id uuid NOT NULL CONSTRAINT lefts_tenant_id_fkey REFERENCES accounts (id),
    id uuid NOT NULL,
    word text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT "lefts(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "lefts(word)" UNIQUE (tenant_id, word)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON lefts TO rustok_app;
GRANT SELECT ON lefts TO rustok_backup;
ALTER TABLE lefts ENABLE ROW LEVEL SECURITY;
ALTER TABLE lefts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON lefts TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON lefts FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');

CREATE TABLE rights (
    tenant_id uuid NOT NULL CONSTRAINT rights_tenant_id_fkey REFERENCES accounts (id),
    id uuid NOT NULL,
    word text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT "rights(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "rights(word)" UNIQUE (tenant_id, word)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON rights TO rustok_app;
GRANT SELECT ON rights TO rustok_backup;
ALTER TABLE rights ENABLE ROW LEVEL SECURITY;
ALTER TABLE rights FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON rights TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON rights FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
