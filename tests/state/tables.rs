//! Tables: made once, left alone, and faults named.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use sterna::migrations::uploads::{CustomerTables, namespace};
use sterna::model::Class;
use sterna::state::{Config, Store};

use crate::place::{client, customer, everywhere, given};

#[tokio::test]
async fn tables_that_are_there_are_left_alone() {
    everywhere(|store| async move {
        let again = store.create_tables().await.unwrap();
        assert_eq!(again.len(), 7);
        assert!(
            again
                .iter()
                .all(|made| !made.created && made.missing_indexes.is_empty()),
            "{again:?}"
        );
    })
    .await;
}

#[cfg(feature = "sandbox")]
#[tokio::test]
async fn an_index_that_an_older_table_lacks_is_named() {
    let client = client(&crate::place::embedded().await);
    let store = Store::new(&client, Config::new(namespace("old-migration-"), "unused"));
    let key = KeySchemaElement::builder()
        .attribute_name("customer")
        .key_type(KeyType::Hash)
        .build()
        .unwrap();
    let attribute = AttributeDefinition::builder()
        .attribute_name("customer")
        .attribute_type(ScalarAttributeType::S);
    client
        .create_table()
        .table_name("old-migration-customers")
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key)
        .attribute_definitions(attribute.build().unwrap())
        .send()
        .await
        .unwrap();
    let made = store.create_tables().await.unwrap();
    let customers = made
        .iter()
        .find(|made| made.table == "old-migration-customers")
        .unwrap();
    assert_eq!(
        (customers.created, customers.missing_indexes.as_slice()),
        (false, ["status-index".to_owned()].as_slice())
    );
}

async fn endpoint() -> Option<String> {
    #[cfg(feature = "sandbox")]
    return Some(crate::place::embedded().await);
    #[cfg(not(feature = "sandbox"))]
    given()
}

#[tokio::test]
async fn a_missing_table_stops_the_run_and_says_what_to_do() {
    let Some(endpoint) = endpoint().await.or_else(given) else {
        return;
    };
    let store = Store::new(
        &client(&endpoint),
        Config::new(namespace("nothing-here-migration-"), "unused"),
    );
    let error = CustomerTables::of(&store)
        .customer(&customer("a"))
        .await
        .unwrap_err();
    assert!(
        error.is_missing_table() && error.class() == Class::Fatal,
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains("nothing-here-migration-customers") && text.contains("sterna init"),
        "{text}"
    );
}

#[tokio::test]
async fn an_endpoint_that_nobody_answers_is_a_temporary_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let config = Config {
        tries: 2,
        timeout: std::time::Duration::from_millis(200),
        ..Config::new(namespace("x-"), "unused")
    };
    let silent = Store::new(&client(&endpoint), config.clone());
    let error = CustomerTables::of(&silent)
        .customer(&customer("a"))
        .await
        .unwrap_err();
    assert!(
        error.is_transient() && error.class() == Class::Unknown,
        "{error}"
    );
    drop(listener);
    let closed = Store::new(&client(&endpoint), config);
    let error = CustomerTables::of(&closed)
        .customer(&customer("a"))
        .await
        .unwrap_err();
    assert!(
        error.is_transient() && error.class() == Class::Transient,
        "{error}"
    );
}

#[test]
fn the_template_names_every_table_index_and_right() {
    let template = Store::template(&namespace("prod-migration-"));
    let resources = template["cloudFormation"]["Resources"].as_object().unwrap();
    let mut names: Vec<&str> = resources
        .values()
        .map(|table| table["Properties"]["TableName"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    let wanted = [
        "control",
        "customers",
        "failures",
        "fleet",
        "parts",
        "progress",
        "spaces",
    ];
    assert_eq!(names, wanted.map(|name| format!("prod-migration-{name}")));
    for table in resources.values() {
        assert_eq!(table["DeletionPolicy"], "Retain");
        assert_eq!(table["Properties"]["BillingMode"], "PAY_PER_REQUEST");
    }
    let progress = &resources["MigrationProgress"]["Properties"];
    assert_eq!(
        progress["GlobalSecondaryIndexes"][0]["IndexName"],
        "status-index"
    );
    let policy = template["iamPolicy"].to_string();
    assert!(
        policy.contains("table/prod-migration-progress/index/*") && !policy.contains("DeleteTable")
    );
}
