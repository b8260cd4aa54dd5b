//! Makes the network's tables.

use serde_json::{Value, json};

use crate::sandbox::layout::{Index, Table};

/// The `CreateTable` request of a table.
pub(super) fn create_request(table: Table) -> Value {
    let (partition, sort) = table.key();
    let mut names = vec![partition];
    names.extend(sort);
    for index in table.indexes() {
        names.push(index.partition);
        names.extend(index.sort);
    }
    names.sort_unstable();
    names.dedup();
    let attributes: Vec<Value> = names
        .iter()
        .map(|name| json!({ "AttributeName": name, "AttributeType": "S" }))
        .collect();
    let mut request = json!({
        "TableName": table.name(),
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes,
        "KeySchema": key_schema(partition, sort),
    });
    if !table.indexes().is_empty() {
        request["GlobalSecondaryIndexes"] =
            table.indexes().iter().map(index_request).collect::<Value>();
    }
    request
}

fn index_request(index: &Index) -> Value {
    let projection = if index.projected.is_empty() {
        json!({ "ProjectionType": "ALL" })
    } else {
        json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": index.projected })
    };
    json!({
        "IndexName": index.name,
        "KeySchema": key_schema(index.partition, index.sort),
        "Projection": projection,
    })
}

fn key_schema(partition: &str, sort: Option<&str>) -> Value {
    let mut keys = vec![json!({ "AttributeName": partition, "KeyType": "HASH" })];
    keys.extend(sort.map(|sort| json!({ "AttributeName": sort, "KeyType": "RANGE" })));
    Value::Array(keys)
}
