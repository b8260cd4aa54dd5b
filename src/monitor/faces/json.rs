//! One JSON document.

use crate::monitor::face::{Face, Form};
use crate::runtime::printable_json;

pub(super) const FACE: Face = Face {
    name: "json",
    form: Form::Document,
    render: |answer, _| {
        let text = format!("{:#}", answer.document()?);
        Ok(printable_json(&text).into_owned())
    },
};
