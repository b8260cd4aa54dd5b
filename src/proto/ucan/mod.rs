//! UCAN 0.9.1 delegations: their block, their signature, their proofs and every byte form they travel in.

mod archive;
mod capability;
mod data;
mod delegation;
mod draft;
mod error;
mod export;
mod inspect;
mod payload;
mod proof_string;

pub use archive::{archive, extract, from_bytes, to_bytes};
pub use capability::{Capability, Caveats};
pub use data::{Fact, Ucan};
pub use delegation::{Delegation, Proof};
pub use draft::{Draft, Expiration, Issuer};
pub use error::UcanError;
pub(crate) use export::in_javascript_order;
pub(crate) use inspect::signature_state;
pub use inspect::{Keys, describe, read_any};
pub use proof_string::{format_proof, parse_proof};
