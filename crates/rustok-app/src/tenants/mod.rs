//! The tenant directory: tenants, hosts and tokens.

mod directory;
mod tokens;

pub use directory::{
    MovedHost, UpdateTenant, add_host, create, find, list, look_up, move_host, remove_host, set_status,
    update,
};
pub use tokens::{
    IssuedToken, authenticate, authenticate_platform, check_standing, issue_platform_token, issue_token,
    list_platform_tokens, list_tokens, revoke_platform_token, revoke_token,
};
