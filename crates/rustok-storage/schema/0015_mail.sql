-- Mails to people, what proves that a person reads a mailbox, and the devices that no mail is needed for.

ALTER TABLE jobs DROP CONSTRAINT jobs_kind_known;
ALTER TABLE jobs ADD CONSTRAINT jobs_kind_known CHECK (kind IN ('expire_order', 'fail_import', 'send_mail'));

-- waiting: for the mail server; kept: in the mailbox of this server; failed: refused for good. sealed_body: subject and
-- text, sealed with the secret key (docs/adr/0039), gone once nobody needs it.
CREATE TENANT TABLE mails (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT mails_kind_known
        CHECK (kind IN ('invitation', 'password_reset', 'sign_in_code', 'new_device')),
    recipient text NOT NULL,
    language text NOT NULL,
    state text NOT NULL CONSTRAINT mails_state_known CHECK (state IN ('waiting', 'sent', 'kept', 'failed')),
    sealed_body bytes,
    created_at time NOT NULL,
    ended_at time,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT mails_body_is_needed CHECK ((state IN ('waiting', 'kept')) = (sealed_body IS NOT NULL)),
    CONSTRAINT mails_ended_has_date CHECK ((state IN ('sent', 'failed')) = (ended_at IS NOT NULL))
) CLAIMED (SELECT, UPDATE, DELETE);
CREATE INDEX mails_kept_idx ON mails (tenant_id, id) WHERE state = 'kept';
CREATE INDEX mails_created_idx ON mails (created_at);

-- hash: of the secret in the mail, or for a code of the secret of the browser that asked. code_hash: of both together.
-- Rows stay for an hour, since they limit how many mails a person gets.
CREATE TENANT TABLE mail_proofs (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    purpose text NOT NULL CONSTRAINT mail_proofs_purpose_known CHECK (purpose IN ('password_reset', 'sign_in_code')),
    user_id uuid NOT NULL,
    hash bytes NOT NULL,
    code_hash bytes,
    tries int NOT NULL DEFAULT 0,
    created_at time NOT NULL,
    expires_at time NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, hash),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id),
    CONSTRAINT mail_proofs_code_has_hash CHECK ((purpose = 'sign_in_code') = (code_hash IS NOT NULL))
) CLAIMED (SELECT, UPDATE, DELETE);
CREATE INDEX mail_proofs_of_member_idx ON mail_proofs (tenant_id, user_id, purpose, created_at);
CREATE INDEX mail_proofs_user_idx ON mail_proofs (user_id);
CREATE INDEX mail_proofs_created_idx ON mail_proofs (created_at);

-- What a member signed in with, so that a sign-in with anything else is reported. hash: of what the browser calls itself.
CREATE TENANT TABLE known_devices (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    hash bytes NOT NULL,
    seen_at time NOT NULL,
    PRIMARY KEY (tenant_id, user_id, hash),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id)
) CLAIMED (SELECT, DELETE);
CREATE INDEX known_devices_seen_idx ON known_devices (seen_at);
