//! The same tables as a `CloudFormation` template, and the policy that a run needs.

use serde_json::{Value, json};

use super::definition::{Definition, SORTED_BY};

/// `CloudFormation` template of the tables. They are retained when the stack is deleted, and can be restored to a point
/// in time.
pub(in crate::state) fn cloud_formation(tables: &[Definition]) -> Value {
    let resources = tables
        .iter()
        .map(|table| (table.title.clone(), resource(table)));
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Tables of the Sterna migration",
        "Resources": resources.collect::<serde_json::Map<_, _>>(),
    })
}

fn resource(table: &Definition) -> Value {
    let attribute = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    let mut properties = json!({
        "TableName": table.name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": table.attributes().into_iter().map(attribute).collect::<Vec<_>>(),
        "KeySchema": keys(table.partition, table.sort),
        "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": true },
        "SSESpecification": { "SSEEnabled": true },
    });
    if !table.indexes.is_empty() {
        let index = table.indexes.iter().map(|index| {
            json!({
                "IndexName": index.name,
                "KeySchema": keys(index.partition, Some(SORTED_BY)),
                "Projection": { "ProjectionType": "ALL" },
            })
        });
        properties["GlobalSecondaryIndexes"] = index.collect();
    }
    json!({
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": properties,
    })
}

fn keys(partition: &str, sort: Option<&str>) -> Value {
    let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
    std::iter::once(key(partition, "HASH"))
        .chain(sort.map(|sort| key(sort, "RANGE")))
        .collect()
}

/// IAM policy for a run on these tables: read and write rows, nothing that makes or deletes a table.
pub(in crate::state) fn policy(tables: &[Definition]) -> Value {
    let arn = |name: &str| format!("arn:aws:dynamodb:*:*:table/{name}");
    let rows: Vec<String> = tables.iter().map(|table| arn(&table.name)).collect();
    let with_index = tables.iter().filter(|table| !table.indexes.is_empty());
    let indexes: Vec<String> = with_index
        .map(|table| format!("{}/index/*", arn(&table.name)))
        .collect();
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "SternaRows",
                "Effect": "Allow",
                "Action": [
                    "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem",
                    "dynamodb:ConditionCheckItem", "dynamodb:BatchWriteItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:DescribeTable",
                ],
                "Resource": rows,
            },
            { "Sid": "SternaIndexes", "Effect": "Allow", "Action": ["dynamodb:Query", "dynamodb:Scan"], "Resource": indexes },
        ],
    })
}
