-- Made from schema/0019_second_factor.sql by `cargo run -p xtask -- schema`: change that file.

-- The second factor of accounts: codes of an app, and recovery codes (docs/adr/0045).

-- second_factor_at: since when the account has a second factor; NULL without one. Memberships repeat it.
ALTER TABLE users ADD COLUMN second_factor_at INTEGER;

ALTER TABLE memberships ADD COLUMN second_factor_at INTEGER;

-- sealed_seed: sealed with the secret key (docs/adr/0039). recovery_hashes: those of the codes that are left, 32 bytes each.
-- last_step: the newest step of a code that was taken. tries: codes that were tried since tries_since. confirmed_at: NULL
-- until the first code was shown.
CREATE TABLE second_factors (
    user_id BLOB NOT NULL CONSTRAINT second_factors_user_id_fkey REFERENCES users (id),
    sealed_seed BLOB NOT NULL,
    recovery_hashes BLOB NOT NULL,
    last_step INTEGER NOT NULL,
    tries INTEGER NOT NULL CONSTRAINT second_factors_tries_counted CHECK (tries >= 0),
    tries_since INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    confirmed_at INTEGER,
    CONSTRAINT "second_factors(user_id)" PRIMARY KEY (user_id)
) STRICT;

CREATE TABLE mails_rebuilt (
    tenant_id BLOB NOT NULL CONSTRAINT mails_tenant_id_fkey REFERENCES tenants (id),
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    language TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT mails_state_known CHECK (state IN ('waiting', 'sent', 'kept', 'failed')),
    sealed_body BLOB,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    CONSTRAINT "mails(id)" PRIMARY KEY (tenant_id, id),
    CONSTRAINT mails_body_is_needed CHECK ((state IN ('waiting', 'kept')) = (sealed_body IS NOT NULL)),
    CONSTRAINT mails_ended_has_date CHECK ((state IN ('sent', 'failed')) = (ended_at IS NOT NULL)),
    CONSTRAINT mails_kind_known CHECK (kind IN ('invitation', 'password_reset', 'sign_in_code', 'new_device', 'second_factor'))
) STRICT;
INSERT INTO mails_rebuilt (tenant_id, id, kind, recipient, language, state, sealed_body, created_at, ended_at) SELECT tenant_id, id, kind, recipient, language, state, sealed_body, created_at, ended_at FROM mails;
DROP TABLE mails;
ALTER TABLE mails_rebuilt RENAME TO mails;
CREATE INDEX mails_kept_idx ON mails (tenant_id, id) WHERE state = 'kept';
CREATE INDEX mails_created_idx ON mails (created_at);
