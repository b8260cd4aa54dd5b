//! Where the migration stands: read from the state tables, shown as text or JSON. Read only.
//!
//! [`look`] answers one [`Ask`] with a [`View`]: plain data that serialises as it is and renders itself as text.
//! [`line()`] is the one line of live progress that a run shows of itself. May import `model`, `runtime` and `state`;
//! never writes anything.

mod control;
mod eta;
mod instances;
mod line;
mod look;
mod overview;
mod paint;
mod records;
mod stuck;
mod table;
mod text;
mod totals;
mod view;

pub use crate::runtime::{is_printable, printable, printable_json};
pub use eta::{Eta, eta, span};
pub use line::line;
pub use look::{Ask, OwnerRecord, failures, look, space_line};
pub use overview::{exact, is_alive};
pub use paint::{Paint, cut, printable_lines, width};
pub use records::records;
pub use table::{count, grouped};
pub use totals::{of as totals_of, totals};
pub use view::{
    Alive, AskedLine, CustomerView, FailureRows, FailureView, InstanceLine, InstanceView, Overview,
    PlanLine, SCHEMA, Share, SpaceLine, SplitLine, StuckLine, Totals, VERSION, Verdict, View,
};
