//! The existing tool's writes, from its recorded requests: only names and numbers are put in.

use serde_json::{Value, json};

/// The customer and the space of the record.
const CUSTOMER: &str = "did:mailto:example.com:alice";
const SPACE: &str = "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX";

/// The tables of a local network, over the wire.
pub(super) struct Tables {
    http: reqwest::Client,
    endpoint: String,
    trace: Value,
}

impl Tables {
    pub(super) fn at(endpoint: String) -> Self {
        let text = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/vectors/tool-trace.json"
        ));
        Self {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            endpoint,
            trace: serde_json::from_str(&text.unwrap()).unwrap(),
        }
    }

    /// One request in DynamoDB's own protocol.
    pub(super) async fn call(&self, operation: &str, request: &Value) -> Value {
        let sent = self
            .http
            .post(&self.endpoint)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("x-amz-date", "20260101T000000Z")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-2/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
            )
            .body(request.to_string());
        let answer = sent.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(
            status.is_success(),
            "{operation} {request}: {status} {text}"
        );
        serde_json::from_str(&text).unwrap()
    }

    /// Every row of a table, as the wire has it, in order of its text.
    pub(super) async fn rows(&self, table: &str) -> Vec<Value> {
        let answer = self.call("Scan", &json!({ "TableName": table })).await;
        let mut rows = answer["Items"].as_array().unwrap().clone();
        rows.sort_by_key(Value::to_string);
        rows
    }

    /// The row of a migration table with these texts.
    pub(super) async fn row(&self, table: &str, texts: &[(&str, &str)]) -> Option<Value> {
        let rows = self.rows(table).await;
        let fits = |row: &Value| texts.iter().all(|(name, text)| row[*name]["S"] == **text);
        rows.into_iter().find(fits)
    }

    pub(super) async fn delete(&self, table: &str, key: Value) {
        let request = json!({ "TableName": table, "Key": key });
        self.call("DeleteItem", &request).await;
    }

    /// The `nth` request of an operation in a recorded run, about another customer and space, with values set.
    async fn replay(
        &self,
        (run, operation, nth): (&str, &str, usize),
        (customer, space): (&str, &str),
        values: &[(&str, Value)],
    ) {
        let runs = self.trace["runs"].as_array().unwrap();
        let exchanges = runs.iter().find(|one| one["name"] == run).unwrap()["exchanges"]
            .as_array()
            .unwrap();
        let target = format!("DynamoDB_20120810.{operation}");
        let recorded = exchanges
            .iter()
            .filter(|one| one["target"] == target.as_str())
            .nth(nth)
            .unwrap();
        let text = recorded["request"]
            .to_string()
            .replace("\"staging-migration-", "\"local-migration-")
            .replace("\"staging-w3infra-", "\"local-w3infra-")
            .replace(CUSTOMER, customer)
            .replace(SPACE, space);
        let mut request: Value = serde_json::from_str(&text).unwrap();
        for (pointer, value) in values {
            *request
                .pointer_mut(pointer)
                .unwrap_or_else(|| panic!("no {pointer} in {run}")) = value.clone();
        }
        self.call(operation, &request).await;
    }

    /// The progress row of a space that was begun.
    pub(super) async fn begin_space(&self, about: (&str, &str), total: u64) {
        let total = [("/Item/totalUploads/N", json!(total.to_string()))];
        let run = ("table:createSpaceProgress", "PutItem", 0);
        self.replay(run, about, &total).await;
    }

    /// So many uploads gone through, the last one with this root.
    pub(super) async fn count_space(&self, about: (&str, &str), completed: u64, last: &str) {
        let values = [
            (
                "/ExpressionAttributeValues/:completed/N",
                json!(completed.to_string()),
            ),
            ("/ExpressionAttributeValues/:lastUpload/S", json!(last)),
        ];
        let run = ("table:updateSpaceProgress", "UpdateItem", 0);
        self.replay(run, about, &values).await;
    }

    pub(super) async fn complete_space(&self, about: (&str, &str)) {
        let run = ("table:markSpaceCompleted", "UpdateItem", 0);
        self.replay(run, about, &[]).await;
    }

    pub(super) async fn fail_space(&self, about: (&str, &str), error: &str) {
        let error = [("/ExpressionAttributeValues/:error/S", json!(error))];
        let run = ("table:markSpaceFailed", "UpdateItem", 0);
        self.replay(run, about, &error).await;
    }

    /// A customer given to an instance.
    pub(super) async fn assign(
        &self,
        customer: &str,
        instance: &str,
        (spaces, uploads): (u64, u64),
    ) {
        let values = [
            ("/Item/instanceId/S", json!(instance)),
            ("/Item/totalSpaces/N", json!(spaces.to_string())),
            ("/Item/totalUploads/N", json!(uploads.to_string())),
        ];
        let run = ("table:assignCustomer", "PutItem", 0);
        self.replay(run, (customer, SPACE), &values).await;
    }

    pub(super) async fn begin_customer(&self, customer: &str) {
        let run = ("table:markCustomerInProgress", "UpdateItem", 0);
        self.replay(run, (customer, SPACE), &[]).await;
    }

    pub(super) async fn complete_customer(&self, customer: &str) {
        let run = ("table:markCustomerCompleted", "UpdateItem", 0);
        self.replay(run, (customer, SPACE), &[]).await;
    }

    /// A migration space, as it is stored before it is provisioned.
    pub(super) async fn create_migration_space(&self, customer: &str, space: &str, sealed: &str) {
        let values = [
            ("/Item/migrationSpace/S", json!(space)),
            ("/Item/privateKey/S", json!(sealed)),
        ];
        let run = ("build-index-new-space", "PutItem", 0);
        self.replay(run, (customer, SPACE), &values).await;
    }

    /// The word that a migration space is provisioned, written after its rows.
    pub(super) async fn mark_provisioned(&self, customer: &str) {
        let run = ("build-index-new-space", "UpdateItem", 0);
        self.replay(run, (customer, SPACE), &[]).await;
    }
}
