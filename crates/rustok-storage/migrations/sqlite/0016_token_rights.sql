-- Made from schema/0016_token_rights.sql by `cargo run -p xtask -- schema`: change that file.

-- scopes: names of actions with a space between them, NULL for all that the role allows. used_at: written at intervals.
-- actor: who made the token, NULL before this was known. member_id: the member on whose behalf it was made.
ALTER TABLE api_tokens ADD COLUMN scopes TEXT;

ALTER TABLE api_tokens ADD COLUMN expires_at INTEGER;

ALTER TABLE api_tokens ADD COLUMN used_at INTEGER;

ALTER TABLE api_tokens ADD COLUMN actor TEXT;

ALTER TABLE api_tokens ADD COLUMN member_id BLOB;
CREATE INDEX api_tokens_of_member_idx ON api_tokens (tenant_id, member_id) WHERE revoked_at IS NULL AND member_id IS NOT NULL;
