//! A space that rows of the consumer table give to two customers.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use crate::foreign::{client, variable};
use crate::network::{Network, seed};
use crate::run::Place;

const MALLORY: &str = "did:mailto:example.com:mallory";

/// Writes a row by which a stranger pays for the first space of the network, and gives the space and its customer.
fn claim_a_space(place: &Place) -> (String, String) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = client(place);
        let table = variable(place, "CONSUMER_TABLE_NAME");
        let rows = client.scan().table_name(&table).send().await.unwrap();
        let text = |row: &std::collections::HashMap<String, AttributeValue>, name: &str| {
            row[name].as_s().unwrap().clone()
        };
        let mut spaces: Vec<_> = rows
            .items()
            .iter()
            .map(|row| (text(row, "consumer"), text(row, "customer")))
            .collect();
        spaces.sort();
        let (space, customer) = spaces.remove(0);
        let row = [
            ("subscription", "bafymallory"),
            ("provider", &variable(place, "UPLOAD_SERVICE_DID")),
            ("consumer", &space),
            ("customer", MALLORY),
        ];
        let row = row.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())));
        let put = client.put_item().table_name(&table);
        put.set_item(Some(row.into())).send().await.unwrap();
        (space, customer)
    })
}

#[test]
fn a_space_of_two_customers_waits_by_name_until_somebody_says_whose_it_is() {
    let place = Place::new();
    let _network = Network::start(&place);
    seed(&place, ["2", "3", "12"]);
    let (space, customer) = claim_a_space(&place);
    let setup = place.sterna(["setup", "--instances", "1"]).ends(0);
    let report = String::from_utf8_lossy(&setup.stdout);
    let note = format!(
        "1 space has several customers; it is migrated only if it has shared itself with the planned customer alone: {space}"
    );
    assert!(report.contains(&note), "{report}");

    let hers = place.sterna(["migrate", "--customer", MALLORY]).ends(3);
    hers.tells(&[&space, "CUSTOMER_CONFLICT"]);
    let failed = place.sterna([
        "monitor",
        "--failed",
        "--customer",
        MALLORY,
        "--output",
        "json",
    ]);
    let failed: Value = failed.ends(0).json();
    let text = failed.to_string();
    let says_what_to_do = "sterna migrate --customer CUSTOMER --space SPACE";
    for word in [&*space, &*customer, MALLORY, says_what_to_do] {
        assert!(text.contains(word), "{word}: {text}");
    }

    let named = ["migrate", "--customer", &customer, "--space", &space];
    let ran = place.sterna(named);
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    assert!(!ran.stderr.contains("CUSTOMER_CONFLICT"), "{}", ran.stderr);
}
