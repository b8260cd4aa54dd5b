//! UCAN over HTTP, both ends: what every service of the local network answers messages with, and what they call each
//! other with (docs/protocol/transport.md §1-§3).
//!
//! Owns content negotiation, the checks before a handler runs, and receipts. Never knows an ability.

mod answer;
mod call;
mod execute;
mod http;
mod service;

pub(crate) use answer::{Answer, Call, Failure, Success, map, text};
pub(crate) use call::{CallError, call};
pub(crate) use http::{answer_message, plain};
pub(crate) use service::{Audiences, Dialect, Party, UcanService};
