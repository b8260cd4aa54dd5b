//! Where the migration stands: read from the state tables, shown as text or JSON. Read only.
//!
//! [`answer`] answers one [`Ask`] with a [`View`]: plain data that serialises as it is and renders itself as text.
//! [`line()`] is the one line of live progress that a run shows of itself. May import `model`, `runtime` and `state`;
//! never writes anything.

mod answer;
mod eta;
mod line;
mod paint;
mod records;
mod table;
mod text;
mod view;

pub use crate::runtime::{is_printable, printable, printable_json};
pub use answer::{
    Ask, OwnerRecord, answer, exact, failures, is_alive, space_line, totals, totals_of,
};
pub use eta::{Eta, eta, span};
pub use line::line;
pub use paint::{Paint, cut, printable_lines, width};
pub use records::records;
pub use table::{count, grouped};
pub use view::{
    Alive, AskedLine, CustomerView, FailureRows, FailureView, InstanceLine, InstanceView, Overview,
    PlanLine, SCHEMA, Share, SpaceLine, SplitLine, StuckLine, Totals, VERSION, Verdict, View,
};
