//! Text for people.

use crate::monitor::face::{Face, Form};
use crate::monitor::paint::printable_lines;

pub(super) const FACE: Face = Face {
    name: "table",
    form: Form::Text,
    render: |answer, paint| {
        let text = answer.view.text(paint, answer.words);
        Ok(printable_lines(&text, paint).into_owned())
    },
};
