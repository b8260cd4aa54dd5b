//! Migration spaces that were begun and not ended.

use serde_json::json;

use super::scene::{CONSUMER, DELEGATION, Got, SPACES, Scene};

const BRUNO: &str = "did:mailto:example.org:bruno";
const DARIO: &str = "did:mailto:example.org:dario";

#[tokio::test(flavor = "multi_thread")]
async fn a_half_made_space_is_finished_although_no_upload_needs_it() {
    for got in [Got::Row, Got::Provisioned] {
        let scene = Scene::start().await;
        let migrate = ["migrate", "--customer", BRUNO, "--output", "json"];
        scene.sterna(&migrate).ends(0);
        let (space, sealed) = scene.tool_migration_space(BRUNO, got).await;
        let report = scene.sterna(&migrate).ends(0).json();
        let told = &report["differences"][0];
        assert_eq!(
            (&told["customer"], &told["space"]),
            (&json!(BRUNO), &json!(space))
        );
        assert!(
            told["done"].as_str().unwrap().starts_with("finished"),
            "{told}"
        );
        let row = scene
            .tables
            .row(SPACES, &[("customer", BRUNO)])
            .await
            .unwrap();
        assert_eq!(
            (&row["migrationSpace"]["S"], &row["privateKey"]["S"]),
            (&json!(space), &json!(sealed))
        );
        assert_eq!(
            (&row["status"]["S"], &row["delegated"]["BOOL"]),
            (&json!("provisioned"), &json!(true))
        );
        assert!(
            scene
                .tables
                .row(CONSUMER, &[("consumer", &space)])
                .await
                .is_some()
        );
        let issued = scene
            .tables
            .row(DELEGATION, &[("issuer", &space)])
            .await
            .unwrap();
        assert_eq!(issued["audience"]["S"], BRUNO);
        let again = scene.sterna(&migrate).ends(0).json();
        assert_eq!(again["differences"], json!([]));
        scene.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_without_its_key_is_reported_and_no_other_is_made() {
    let scene = Scene::start().await;
    let lost = crate::run::did(9);
    scene.tables.create_migration_space(DARIO, &lost, "").await;
    let update = json!({
        "TableName": SPACES,
        "Key": { "customer": { "S": DARIO } },
        "UpdateExpression": "REMOVE privateKey",
    });
    scene.tables.call("UpdateItem", &update).await;
    let row = scene
        .tables
        .row(SPACES, &[("customer", DARIO)])
        .await
        .unwrap();
    let consumers = scene.tables.rows(CONSUMER).await;

    let setup = scene.sterna(&["setup", "--instances", "1"]).ends(0).text();
    assert!(
        setup.contains("needs attention: did:mailto:example.org:dario")
            && setup.contains("lacks its key"),
        "{setup}"
    );
    let ran = scene.sterna(&["migrate", "--customer", DARIO, "--output", "json"]);
    let report = ran.ends(3).json();
    let told = &report["differences"][0];
    assert_eq!(told["needs_a_look"], true);
    assert!(
        told["done"].as_str().unwrap().contains("KEY_UNAVAILABLE"),
        "{told}"
    );
    let failed = report["failures"]["KEY_UNAVAILABLE"].as_u64().unwrap();
    assert!(failed > 0);
    let after = scene
        .tables
        .row(SPACES, &[("customer", DARIO)])
        .await
        .unwrap();
    assert_eq!(after, row);
    assert_eq!(scene.tables.rows(CONSUMER).await, consumers);
    scene.stop().await;
}
