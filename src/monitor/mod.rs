//! Where a migration is: read from the state tables, shown by a face. Read only.
//!
//! [`answer`] answers one [`Ask`] with a [`View`]: plain data, which renders itself as text. An [`Answer`] is a view and
//! the words of its migration; each of [`FACES`] is one form of it. [`line()`] is the line of live progress that a run
//! shows of itself. May import `model`, `runtime` and `state`; never writes anything.

mod answer;
mod eta;
mod face;
mod faces;
mod keys;
mod line;
mod paint;
mod table;
mod text;
mod view;

pub use crate::runtime::{is_printable, printable, printable_json};
pub use answer::{
    Ask, OwnerRecord, answer, exact, failures, is_alive, totals, totals_of, unit_line,
};
pub use eta::{Eta, eta, span};
pub use face::{Answer, Face, Form, with_schema};
pub use faces::FACES;
pub use keys::in_words;
pub use line::line;
pub use paint::{Paint, cut, printable_lines, width};
pub use table::{count, grouped, of};
pub use view::{
    Alive, AskedLine, FailureRows, FailureView, InstanceLine, InstanceView, Overview, OwnerView,
    PlanLine, SCHEMA, Share, SplitLine, StuckLine, Totals, UnitLine, VERSION, Verdict, View,
};
