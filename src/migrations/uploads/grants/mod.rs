//! The delegation by which an account may have the gateway serve a space: where it is looked for, and whether the owner
//! wants it used.

mod accounts;
mod find;
mod owner;
mod read;

pub(super) use accounts::Accounts;
pub(super) use find::find;
