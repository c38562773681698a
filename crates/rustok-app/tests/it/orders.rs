//! Orders without HTTP: expiry on a moved clock, races, the round trips of placing, and that no order is copied.

mod copies;
mod expiry;
mod races;
mod round_trips;
