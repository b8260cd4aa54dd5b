//! One item: probe, record, apply, record, probe; and again, while it may help.

mod attempt;
mod looks;
mod settle;

pub(super) use looks::look;
pub(super) use settle::{End, Hand, settle};
