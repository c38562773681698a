//! What every operation asks of the database: how many statements, in how many round trips, and by which plans.
//!
//! The operations come from the running server's document and the statements from its log, so a new operation is tried
//! and a new statement is looked at without a line here; a new operation needs its row in `statements.txt`.

mod counts;
mod plans;
mod watched;
