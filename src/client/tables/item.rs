//! Reading attributes of rows.

use aws_sdk_dynamodb::types::AttributeValue;

use super::table::Row;

/// A text attribute.
pub(super) fn text<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    row.get(name)?.as_s().ok().map(String::as_str)
}

/// A number attribute that is a whole number.
pub(super) fn number(row: &Row, name: &str) -> Option<u64> {
    row.get(name)?.as_n().ok()?.parse().ok()
}

/// A string set, sorted; a list of strings is read too, for stores that know no sets.
pub(super) fn texts(row: &Row, name: &str) -> Vec<String> {
    let mut all = match row.get(name) {
        Some(AttributeValue::Ss(set)) => set.clone(),
        Some(AttributeValue::L(list)) => list
            .iter()
            .filter_map(|value| value.as_s().ok().cloned())
            .collect(),
        _ => Vec::new(),
    };
    all.sort_unstable();
    all.dedup();
    all
}

/// A key of two text attributes.
pub(super) fn key(first: (&str, &str), second: (&str, &str)) -> Row {
    let attribute = |value: &str| AttributeValue::S(value.to_owned());
    Row::from([
        (first.0.to_owned(), attribute(first.1)),
        (second.0.to_owned(), attribute(second.1)),
    ])
}
