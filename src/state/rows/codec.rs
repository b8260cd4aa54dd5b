//! Rows as DynamoDB items and back.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::Key;
use super::row::{Row, Value};

/// Attributes as the SDK holds them.
pub(super) type Item = HashMap<String, AttributeValue>;

/// A value as the SDK holds it.
pub(super) fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::S(text) => AttributeValue::S(text.clone()),
        Value::N(number) => AttributeValue::N(number.to_string()),
        Value::Decimal(text) => AttributeValue::N(text.clone()),
        Value::Bool(truth) => AttributeValue::Bool(*truth),
        Value::Null => AttributeValue::Null(true),
        Value::L(list) => AttributeValue::L(list.iter().map(attribute).collect()),
        Value::M(map) => AttributeValue::M(
            map.iter()
                .map(|(name, value)| (name.clone(), attribute(value)))
                .collect(),
        ),
    }
}

/// A value as we hold it; kinds that migration tables do not use read as nothing.
fn value(attribute: AttributeValue) -> Value {
    match attribute {
        AttributeValue::S(text) => Value::S(text),
        AttributeValue::N(text) => text.parse().map_or(Value::Decimal(text), Value::N),
        AttributeValue::Bool(truth) => Value::Bool(truth),
        AttributeValue::L(list) => Value::L(list.into_iter().map(value).collect()),
        AttributeValue::Ss(set) => Value::L(set.into_iter().map(Value::S).collect()),
        AttributeValue::M(map) => Value::M(
            map.into_iter()
                .map(|(name, held)| (name, value(held)))
                .collect(),
        ),
        _ => Value::Null,
    }
}

/// A row as the SDK holds it.
pub(super) fn item(row: &Row) -> Item {
    row.0
        .iter()
        .map(|(name, value)| (name.clone(), attribute(value)))
        .collect()
}

/// A row as we hold it.
pub(super) fn row(item: Item) -> Row {
    Row(item
        .into_iter()
        .map(|(name, held)| (name, value(held)))
        .collect())
}

/// A key as the SDK holds it.
pub(super) fn key(key: &Key) -> Item {
    let parts = std::iter::once(&key.partition).chain(&key.sort);
    parts
        .map(|(name, value)| ((*name).to_owned(), AttributeValue::S(value.clone())))
        .collect()
}
