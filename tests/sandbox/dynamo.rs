//! DynamoDB of the local network.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, PutRequest, ReturnValuesOnConditionCheckFailure, Select, WriteRequest,
};
use sterna::sandbox::{Put, Row, Table};

use crate::aws::Local;

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

async fn put_upload(client: &Client, space: &str, root: &str, shards: &[&str]) {
    let shards = shards.iter().map(|&shard| shard.to_owned()).collect();
    client
        .put_item()
        .table_name(Table::Upload.name())
        .item("space", text(space))
        .item("root", text(root))
        .item("shards", AttributeValue::Ss(shards))
        .item("insertedAt", text("2026-01-01T00:00:00.000Z"))
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_of_the_network_is_there_with_its_indexes() {
    let local = Local::start().await;
    let client = local.dynamodb();
    for table in Table::ALL {
        let description = client
            .describe_table()
            .table_name(table.name())
            .send()
            .await
            .unwrap()
            .table
            .unwrap();
        let mut indexes: Vec<_> = description
            .global_secondary_indexes()
            .iter()
            .map(|index| index.index_name().unwrap().to_owned())
            .collect();
        indexes.sort();
        let mut wanted: Vec<_> = table.indexes().iter().map(|index| index.name).collect();
        wanted.sort_unstable();
        assert_eq!(indexes, wanted, "{}", table.name());
    }
    let missing = client
        .describe_table()
        .table_name(local.variable("MIGRATION_PROGRESS_TABLE_NAME"))
        .send()
        .await;
    let error = missing.unwrap_err().into_service_error();
    assert!(error.is_resource_not_found_exception(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_written_by_a_client_are_seen_by_the_network_and_back() {
    let local = Local::start().await;
    let client = local.dynamodb();
    put_upload(&client, "did:key:a", "root-1", &["shard-1", "shard-2"]).await;

    let db = &local.sandbox.network().db;
    let key = Row::new().text("space", "did:key:a").text("root", "root-1");
    let row = db.get(Table::Upload, key.clone()).await.unwrap().unwrap();
    let mut shards = row.get_texts("shards").to_vec();
    shards.sort();
    assert_eq!(shards, ["shard-1", "shard-2"]);

    let new = key.clone().number("size", 7).null("expiration");
    assert!(!db.put_new(Table::Upload, new.clone()).await.unwrap());
    db.put(Table::Upload, new).await.unwrap();
    let item = client
        .get_item()
        .table_name(Table::Upload.name())
        .key("space", text("did:key:a"))
        .key("root", text("root-1"))
        .send()
        .await
        .unwrap()
        .item
        .unwrap();
    assert_eq!(item["size"], AttributeValue::N("7".to_owned()));
    assert_eq!(item["expiration"], AttributeValue::Null(true));
    assert!(!item.contains_key("shards"));

    assert!(db.delete(Table::Upload, key.clone()).await.unwrap());
    assert!(!db.delete(Table::Upload, key).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_gives_only_what_it_projects() {
    let local = Local::start().await;
    let client = local.dynamodb();
    put_upload(&client, "did:key:a", "root-1", &["shard-1"]).await;
    put_upload(&client, "did:key:b", "root-1", &["shard-2"]).await;
    let found = client
        .query()
        .table_name(Table::Upload.name())
        .index_name("cid")
        .key_condition_expression("#root = :root")
        .expression_attribute_names("#root", "root")
        .expression_attribute_values(":root", text("root-1"))
        .send()
        .await
        .unwrap();
    let mut spaces: Vec<_> = found
        .items()
        .iter()
        .map(|item| item["space"].as_s().unwrap().clone())
        .collect();
    spaces.sort();
    assert_eq!(spaces, ["did:key:a", "did:key:b"]);
    assert!(
        found
            .items()
            .iter()
            .all(|item| !item.contains_key("shards"))
    );

    let db = &local.sandbox.network().db;
    let rows = db
        .query(Table::Upload, Some("cid"), "root-1")
        .await
        .unwrap();
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter()
            .all(|row| row.has("space") && !row.has("shards"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_condition_reports_what_was_there() {
    let local = Local::start().await;
    let client = local.dynamodb();
    put_upload(&client, "did:key:a", "root-1", &["shard-1"]).await;
    let refused = client
        .put_item()
        .table_name(Table::Upload.name())
        .item("space", text("did:key:a"))
        .item("root", text("root-1"))
        .condition_expression("attribute_not_exists(#space)")
        .expression_attribute_names("#space", "space")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    let error = refused.unwrap_err().into_service_error();
    let failed = match error {
        aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(
            failed,
        ) => failed,
        other => panic!("{other}"),
    };
    assert!(failed.item().unwrap().contains_key("shards"));
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_counters_lose_no_step() {
    let local = Local::start().await;
    let key = [("name", text("count"))];
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let client = local.dynamodb();
        let key: HashMap<String, AttributeValue> = key
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        tasks.push(async move {
            for _ in 0..10 {
                client
                    .update_item()
                    .table_name(Table::AdminMetrics.name())
                    .set_key(Some(key.clone()))
                    .update_expression("ADD #value :one")
                    .expression_attribute_names("#value", "value")
                    .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
                    .send()
                    .await
                    .unwrap();
            }
        });
    }
    futures::future::join_all(tasks).await;
    let row = local
        .sandbox
        .network()
        .db
        .get(Table::AdminMetrics, Row::new().text("name", "count"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.get_number("value"), Some(80));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_parallel_segments_hold_every_row_once() {
    let local = Local::start().await;
    let client = local.dynamodb();
    for batch in 0..4 {
        let writes = (0..25).map(|number| {
            let put = PutRequest::builder()
                .item("space", text("did:key:a"))
                .item("multihash", text(&format!("z{batch:02}{number:02}")))
                .item("size", AttributeValue::N("1".to_owned()))
                .build()
                .unwrap();
            WriteRequest::builder().put_request(put).build()
        });
        client
            .batch_write_item()
            .request_items(Table::Allocation.name(), writes.collect())
            .send()
            .await
            .unwrap();
    }
    let mut pages = client
        .query()
        .table_name(Table::Allocation.name())
        .key_condition_expression("#space = :space")
        .expression_attribute_names("#space", "space")
        .expression_attribute_values(":space", text("did:key:a"))
        .limit(30)
        .into_paginator()
        .send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        for item in page.unwrap().items() {
            found.push(item["multihash"].as_s().unwrap().clone());
        }
    }
    assert_eq!(found.len(), 100);
    assert!(found.is_sorted_by(|a, b| a < b));

    let mut counted = 0;
    for segment in 0..3 {
        let page = client
            .scan()
            .table_name(Table::Allocation.name())
            .segment(segment)
            .total_segments(3)
            .select(Select::Count)
            .send()
            .await
            .unwrap();
        counted += page.count();
    }
    assert_eq!(counted, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_writes_all_or_nothing() {
    let local = Local::start().await;
    let db = &local.sandbox.network().db;
    let put = |digest: &str| Put {
        table: Table::BlobRegistry,
        row: Row::new()
            .text("space", "did:key:a")
            .text("digest", digest)
            .number("size", 1),
        only_new: true,
    };
    assert!(db.transact(vec![put("z1"), put("z2")]).await.unwrap());
    assert!(!db.transact(vec![put("z3"), put("z2")]).await.unwrap());
    let rows = db.query(Table::BlobRegistry, None, "did:key:a").await;
    assert_eq!(rows.unwrap().len(), 2);
}
