//! Lines of JSON: one record a line, and each says what it is.

use serde_json::{Map, Value};

use crate::monitor::face::{Answer, Face, Form, with_schema};
use crate::monitor::keys::rename;
use crate::monitor::paint::Paint;
use crate::monitor::view::{SCHEMA, VERSION};
use crate::runtime::printable_json;

pub(super) const FACE: Face = Face {
    name: "ndjson",
    form: Form::Lines,
    render,
};

/// Lists of a view whose elements are records, and what each of them is.
const LISTS: [(&str, &str); 5] = [
    ("instances", "instance"),
    ("units", "unit"),
    ("failures", "failure"),
    ("asked", "request"),
    ("wishes", "request"),
];

/// Views that are nothing but a list: no record of their own stands before it.
const LISTS_ONLY: [&str; 3] = ["failed", "stuck", "control-log"];

/// The answer as a whole, then one record for each instance, unit, failed item or request.
fn render(answer: &Answer, _: Paint) -> serde_json::Result<String> {
    let records = records(answer)?.into_iter().map(|mut record| {
        rename(&mut record, answer.words);
        format!("{}\n", with_schema(record, SCHEMA, VERSION))
    });
    Ok(printable_json(&records.collect::<String>()).into_owned())
}

fn records(answer: &Answer) -> serde_json::Result<Vec<Value>> {
    let Value::Object(mut whole) = serde_json::to_value(&answer.view)? else {
        return Ok(Vec::new());
    };
    let name = whole.remove("view").unwrap_or_default();
    let mut listed = Vec::new();
    for (list, record) in LISTS {
        if let Some(Value::Array(elements)) = whole.get(list) {
            let elements = elements.iter().filter_map(Value::as_object);
            listed.extend(elements.map(|one| named(record.into(), one.clone())));
            whole.remove(list);
        }
    }
    if LISTS_ONLY.contains(&name.as_str().unwrap_or_default()) {
        return Ok(listed);
    }
    listed.insert(0, named(name, whole));
    Ok(listed)
}

fn named(record: Value, mut fields: Map<String, Value>) -> Value {
    fields.insert("record".into(), record);
    Value::Object(fields)
}
