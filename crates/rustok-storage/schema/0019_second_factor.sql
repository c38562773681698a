-- The second factor of accounts: codes of an app, and recovery codes (docs/adr/0045).

-- second_factor_at: since when the account has a second factor; NULL without one. Memberships repeat it.
ALTER TABLE users ADD COLUMN second_factor_at time;
ALTER TABLE memberships ADD COLUMN second_factor_at time;

-- sealed_seed: sealed with the secret key (docs/adr/0039). recovery_hashes: those of the codes that are left, 32 bytes each.
-- last_step: the newest step of a code that was taken. tries: codes that were tried since tries_since. confirmed_at: NULL
-- until the first code was shown.
CREATE PLATFORM TABLE second_factors (
    user_id uuid NOT NULL REFERENCES users (id),
    sealed_seed bytes NOT NULL,
    recovery_hashes bytes NOT NULL,
    last_step int NOT NULL,
    tries int NOT NULL CONSTRAINT second_factors_tries_counted CHECK (tries >= 0),
    tries_since time NOT NULL,
    created_at time NOT NULL,
    confirmed_at time,
    PRIMARY KEY (user_id)
);

ALTER TABLE mails DROP CONSTRAINT mails_kind_known;
ALTER TABLE mails ADD CONSTRAINT mails_kind_known
    CHECK (kind IN ('invitation', 'password_reset', 'sign_in_code', 'new_device', 'second_factor'));
