//! The delegation by which an account may have the gateway serve a space: where it is looked for, whether the owner
//! wants it used, and whose a space is that several customers have rows for.

mod accounts;
mod confirmed;
mod customer;
mod find;
mod owner;
mod read;

pub(super) use accounts::Accounts;
pub(super) use confirmed::Confirmed;
pub(super) use customer::confirm;
pub(super) use find::find;
