//! The pages: the administration of a tenant in a browser.
//!
//! Each page is rendered by the server from the use cases that the API calls: a page has no rule of its own. Each view is an
//! address, each change is a form; without JavaScript everything works. What a page shows comes from a template
//! (`templates`), its words from `locales`, its look from `assets`.

mod admin;
mod assets;
mod chart;
mod form;
mod format;
mod parts;
mod problem;
mod respond;
pub mod router;
mod seen;
mod store;
mod typed;
mod view;
mod visit;
mod words;
