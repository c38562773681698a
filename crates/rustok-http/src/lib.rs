//! The HTTP toolkit that all surfaces share: listener, layers, limits, tenant resolution, extractors, received files,
//! problems, and tools for the OpenAPI document.
//!
//! It must never know a route, nor what is behind one: which surface a path belongs to is data that the program gives
//! it ([`surface::Surfaces`]), and so are the settings ([`settings::HttpSettings`]) and the API document
//! ([`openapi::ApiDocument`]).

pub mod extract;
pub mod imports;
pub mod layers;
pub mod limits;
pub mod middleware;
pub mod openapi;
pub mod problem;
pub mod reply;
pub mod serve;
pub mod session;
pub mod settings;
pub mod state;
pub mod surface;
