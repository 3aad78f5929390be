//! The demo of Watchhouse: pictures drawn by our own code, altered copies of them, a small platform
//! that asks Watchhouse before it publishes, and a tour through all of it.

pub mod alterations;
pub mod pictures;
pub mod platform;
pub mod tour;
