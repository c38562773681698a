//! Orders without HTTP: expiry on a moved clock, races, and the round trips of placing.

mod expiry;
mod races;
mod round_trips;
