//! Who does what, decided before anything runs: weigh and distribute over instances. Pure: may import `model` only.
//!
//! `counted units → pieces → shares`, each a plain value. The same units in any order give the same plan.

mod distribute;
mod identity;
mod improve;
mod piece;
mod shares;
#[cfg(test)]
mod tests;

pub use distribute::{Options, distribute};
pub use identity::identify;
pub use piece::{Load, weigh};
pub use shares::{Plan, Portion, Share};
