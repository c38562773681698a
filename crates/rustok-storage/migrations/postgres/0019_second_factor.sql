-- Made from schema/0019_second_factor.sql by `cargo run -p xtask -- schema`: change that file.

-- The second factor of accounts: codes of an app, and recovery codes (docs/adr/0045).

-- second_factor_at: since when the account has a second factor; NULL without one. Memberships repeat it.
ALTER TABLE users ADD COLUMN second_factor_at timestamptz;

ALTER TABLE memberships ADD COLUMN second_factor_at timestamptz;

-- sealed_seed: sealed with the secret key (docs/adr/0039). recovery_hashes: those of the codes that are left, 32 bytes each.
-- last_step: the newest step of a code that was taken. tries: codes that were tried since tries_since. confirmed_at: NULL
-- until the first code was shown.
CREATE TABLE second_factors (
    user_id uuid NOT NULL CONSTRAINT second_factors_user_id_fkey REFERENCES users (id),
    sealed_seed bytea NOT NULL,
    recovery_hashes bytea NOT NULL,
    last_step bigint NOT NULL,
    tries bigint NOT NULL CONSTRAINT second_factors_tries_counted CHECK (tries >= 0),
    tries_since timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    CONSTRAINT "second_factors(user_id)" PRIMARY KEY (user_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON second_factors TO rustok_platform;
GRANT SELECT ON second_factors TO rustok_backup;

ALTER TABLE mails DROP CONSTRAINT mails_kind_known;

ALTER TABLE mails ADD CONSTRAINT mails_kind_known CHECK (kind IN ('invitation', 'password_reset', 'sign_in_code', 'new_device', 'second_factor'));
