//! The tenant directory: tenants, hosts and tokens.

mod directory;
mod make_token;
mod own;
mod token_use;
mod tokens;

pub use directory::{
    MovedHost, UpdateTenant, add_host, create, find, list, look_up, move_host, remove_host, set_status,
    update,
};
pub use make_token::{MAX_OVERLAP, NewToken, RotateToken, create_token, rotate_token};
pub use own::{UpdateOwnSettings, read_own, update_own_settings};
pub use rustok_storage::tokens::ApiToken;
pub(crate) use token_use::TokenUse;
pub use token_use::store_token_use;
pub use tokens::{
    IssuedToken, authenticate, authenticate_platform, check_standing, issue_platform_token, issue_token,
    list_platform_tokens, list_tokens, list_valid_tokens, revoke_platform_token, revoke_token,
};
