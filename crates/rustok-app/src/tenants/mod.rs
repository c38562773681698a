//! The tenant directory: tenants, hosts and tokens.

mod directory;
mod own;
mod tokens;

pub use directory::{
    MovedHost, UpdateTenant, add_host, create, find, list, look_up, move_host, remove_host, set_status,
    update,
};
pub use own::{UpdateOwnSettings, read_own, update_own_settings};
pub use rustok_storage::tokens::ApiToken;
pub use tokens::{
    IssuedToken, NewToken, authenticate, authenticate_platform, check_standing, create_token,
    issue_platform_token, issue_token, list_platform_tokens, list_tokens, list_valid_tokens,
    revoke_platform_token, revoke_token,
};
