//! One item: probe, record, apply, record, probe; repeated while that may help.

mod attempt;
mod context;
mod probe;
mod settle;
mod tasks;

pub(super) use context::{End, ItemContext};
pub(super) use probe::probe;
pub(super) use settle::settle;
pub(super) use tasks::ItemTasks;
