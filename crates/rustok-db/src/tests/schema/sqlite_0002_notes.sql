CREATE TABLE notes (
    tenant_id BLOB NOT NULL CONSTRAINT notes_tenant_id_fkey REFERENCES accounts (id),
    id BLOB NOT NULL,
    word TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT "notes(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "notes(word)" UNIQUE (tenant_id, word)
) STRICT;

CREATE TABLE marks (
    tenant_id BLOB NOT NULL CONSTRAINT marks_tenant_id_fkey REFERENCES accounts (id),
    note_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    CONSTRAINT "marks(note_id)" PRIMARY KEY (tenant_id, note_id),
    CONSTRAINT marks_note_id_fkey FOREIGN KEY (tenant_id, note_id) REFERENCES notes (tenant_id, id)
) STRICT;

CREATE TABLE lefts (
    tenant_id BLOB NOT NULL CONSTRAINT lefts_tenant_id_fkey REFERENCES accounts (id),
    id BLOB NOT NULL,
    word TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT "lefts(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "lefts(word)" UNIQUE (tenant_id, word)
) STRICT;

CREATE TABLE rights (
    tenant_id BLOB NOT NULL CONSTRAINT rights_tenant_id_fkey REFERENCES accounts (id),
    id BLOB NOT NULL,
    word TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT "rights(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "rights(word)" UNIQUE (tenant_id, word)
) STRICT;
