-- scopes: names of actions with a space between them, NULL for all that the role allows. used_at: written at intervals.
-- actor: who made the token, NULL before this was known. member_id: the member on whose behalf it was made.
ALTER TABLE api_tokens ADD COLUMN scopes text;
ALTER TABLE api_tokens ADD COLUMN expires_at time;
ALTER TABLE api_tokens ADD COLUMN used_at time;
ALTER TABLE api_tokens ADD COLUMN actor text;
ALTER TABLE api_tokens ADD COLUMN member_id uuid;
CREATE INDEX api_tokens_of_member_idx ON api_tokens (tenant_id, member_id) WHERE revoked_at IS NULL AND member_id IS NOT NULL;
