-- Made from schema/0015_mail.sql by `cargo run -p xtask -- schema`: change that file.

-- Mails to people, what proves that a person reads a mailbox, and the devices that no mail is needed for.

ALTER TABLE jobs DROP CONSTRAINT jobs_kind_known;

ALTER TABLE jobs ADD CONSTRAINT jobs_kind_known CHECK (kind IN ('expire_order', 'fail_import', 'send_mail'));

-- waiting: for the mail server; kept: in the mailbox of this server; failed: refused for good. sealed_body: subject and
-- text, sealed with the secret key (docs/adr/0039), gone once nobody needs it.
CREATE TABLE mails (
    tenant_id uuid NOT NULL CONSTRAINT mails_tenant_id_fkey REFERENCES tenants (id),
    id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT mails_kind_known CHECK (kind IN ('invitation', 'password_reset', 'sign_in_code', 'new_device')),
    recipient text NOT NULL,
    language text NOT NULL,
    state text NOT NULL CONSTRAINT mails_state_known CHECK (state IN ('waiting', 'sent', 'kept', 'failed')),
    sealed_body bytea,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT "mails(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT mails_body_is_needed CHECK ((state IN ('waiting', 'kept')) = (sealed_body IS NOT NULL)),
    CONSTRAINT mails_ended_has_date CHECK ((state IN ('sent', 'failed')) = (ended_at IS NOT NULL))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON mails TO rustok_app;
GRANT SELECT ON mails TO rustok_backup;
ALTER TABLE mails ENABLE ROW LEVEL SECURITY;
ALTER TABLE mails FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON mails TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON mails FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
GRANT SELECT, UPDATE, DELETE ON mails TO rustok_platform;
CREATE POLICY platform ON mails TO rustok_platform USING (true) WITH CHECK (true);
CREATE INDEX mails_kept_idx ON mails (tenant_id, id) WHERE state = 'kept';
CREATE INDEX mails_created_idx ON mails (created_at);

-- hash: of the secret in the mail, or for a code of the secret of the browser that asked. code_hash: of both together.
-- Rows stay for an hour, since they limit how many mails a person gets.
CREATE TABLE mail_proofs (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    purpose text NOT NULL CONSTRAINT mail_proofs_purpose_known CHECK (purpose IN ('password_reset', 'sign_in_code')),
    user_id uuid NOT NULL,
    hash bytea NOT NULL,
    code_hash bytea,
    tries bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT "mail_proofs(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT "mail_proofs(hash)" UNIQUE (tenant_id, hash),
    CONSTRAINT mail_proofs_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id),
    CONSTRAINT mail_proofs_code_has_hash CHECK ((purpose = 'sign_in_code') = (code_hash IS NOT NULL))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON mail_proofs TO rustok_app;
GRANT SELECT ON mail_proofs TO rustok_backup;
ALTER TABLE mail_proofs ENABLE ROW LEVEL SECURITY;
ALTER TABLE mail_proofs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON mail_proofs TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON mail_proofs FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
GRANT SELECT, UPDATE, DELETE ON mail_proofs TO rustok_platform;
CREATE POLICY platform ON mail_proofs TO rustok_platform USING (true) WITH CHECK (true);
CREATE INDEX mail_proofs_of_member_idx ON mail_proofs (tenant_id, user_id, purpose, created_at);
CREATE INDEX mail_proofs_user_idx ON mail_proofs (user_id);
CREATE INDEX mail_proofs_created_idx ON mail_proofs (created_at);

-- What a member signed in with, so that a sign-in with anything else is reported. hash: of what the browser calls itself.
CREATE TABLE known_devices (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    hash bytea NOT NULL,
    seen_at timestamptz NOT NULL,
    CONSTRAINT "known_devices(user_id,hash)" PRIMARY KEY (tenant_id, user_id, hash),
    CONSTRAINT known_devices_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON known_devices TO rustok_app;
GRANT SELECT ON known_devices TO rustok_backup;
ALTER TABLE known_devices ENABLE ROW LEVEL SECURITY;
ALTER TABLE known_devices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON known_devices TO rustok_app
    USING (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('rustok.tenant_id', true), '')::uuid);
CREATE POLICY backup ON known_devices FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');
GRANT SELECT, DELETE ON known_devices TO rustok_platform;
CREATE POLICY platform ON known_devices TO rustok_platform USING (true);
CREATE INDEX known_devices_seen_idx ON known_devices (seen_at);
