//! Deletes sessions, sign-in links and invitations whose time is over. They are refused before: this only makes room.

use super::{FORGOTTEN_AT_ONCE, Round, round_deadline};
use crate::state::AppState;
use rustok_core::error::RichError;
use rustok_storage::people::accounts;

pub(super) async fn round(state: &AppState) -> Result<Round, RichError> {
    let services = state.services();
    let mut tx = services.store.platform_write(round_deadline()).await?;
    let most = FORGOTTEN_AT_ONCE.into();
    let deleted = accounts::delete_ended(&mut tx, services.clock.now(), most).await?;
    if deleted > 0 {
        tx.commit().await?;
    }
    Ok(if deleted >= u64::from(FORGOTTEN_AT_ONCE) {
        Round::Full
    } else {
        Round::Done
    })
}
