//! Audits and explanations.

mod doubting;
mod judging;
