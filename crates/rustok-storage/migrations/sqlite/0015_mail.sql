-- Made from schema/0015_mail.sql by `cargo run -p xtask -- schema`: change that file.

-- Mails to people, what proves that a person reads a mailbox, and the devices that no mail is needed for.

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
    CONSTRAINT jobs_kind_known CHECK (kind IN ('expire_order', 'fail_import', 'send_mail'))
) STRICT;
INSERT INTO jobs_rebuilt (tenant_id, id, kind, subject_id, due_at, lease, attempts, last_error, dead_at) SELECT tenant_id, id, kind, subject_id, due_at, lease, attempts, last_error, dead_at FROM jobs;
DROP TABLE jobs;
ALTER TABLE jobs_rebuilt RENAME TO jobs;
CREATE INDEX jobs_due_idx ON jobs (due_at) WHERE dead_at IS NULL;
CREATE INDEX jobs_dead_idx ON jobs (dead_at) WHERE dead_at IS NOT NULL;

-- waiting: for the mail server; kept: in the mailbox of this server; failed: refused for good. sealed_body: subject and
-- text, sealed with the secret key (docs/adr/0039), gone once nobody needs it.
CREATE TABLE mails (
    tenant_id BLOB NOT NULL CONSTRAINT mails_tenant_id_fkey REFERENCES tenants (id),
    id BLOB NOT NULL,
    kind TEXT NOT NULL CONSTRAINT mails_kind_known CHECK (kind IN ('invitation', 'password_reset', 'sign_in_code', 'new_device')),
    recipient TEXT NOT NULL,
    language TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT mails_state_known CHECK (state IN ('waiting', 'sent', 'kept', 'failed')),
    sealed_body BLOB,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    CONSTRAINT "mails(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT mails_body_is_needed CHECK ((state IN ('waiting', 'kept')) = (sealed_body IS NOT NULL)),
    CONSTRAINT mails_ended_has_date CHECK ((state IN ('sent', 'failed')) = (ended_at IS NOT NULL))
) STRICT;
CREATE INDEX mails_kept_idx ON mails (tenant_id, id) WHERE state = 'kept';
CREATE INDEX mails_created_idx ON mails (created_at);

-- hash: of the secret in the mail, or for a code of the secret of the browser that asked. code_hash: of both together.
-- Rows stay for an hour, since they limit how many mails a person gets.
CREATE TABLE mail_proofs (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    purpose TEXT NOT NULL CONSTRAINT mail_proofs_purpose_known CHECK (purpose IN ('password_reset', 'sign_in_code')),
    user_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    code_hash BLOB,
    tries INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT "mail_proofs(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "mail_proofs(hash)" UNIQUE (tenant_id, hash),
    CONSTRAINT mail_proofs_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id),
    CONSTRAINT mail_proofs_code_has_hash CHECK ((purpose = 'sign_in_code') = (code_hash IS NOT NULL))
) STRICT;
CREATE INDEX mail_proofs_of_member_idx ON mail_proofs (tenant_id, user_id, purpose, created_at);
CREATE INDEX mail_proofs_user_idx ON mail_proofs (user_id);
CREATE INDEX mail_proofs_created_idx ON mail_proofs (created_at);

-- What a member signed in with, so that a sign-in with anything else is reported. hash: of what the browser calls itself.
CREATE TABLE known_devices (
    tenant_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    seen_at INTEGER NOT NULL,
    CONSTRAINT "known_devices(user_id,hash)" PRIMARY KEY (tenant_id, user_id, hash),
    CONSTRAINT known_devices_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id)
) STRICT;
CREATE INDEX known_devices_seen_idx ON known_devices (seen_at);
