//! What a request asks for, told from its head (and, for messages, its body).

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::Method;
use axum::http::request::Parts;
use serde::Deserialize;
use serde_json::Value;

use crate::proto::message::Message;
use crate::sandbox::service::Service;

/// One operation of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name: the AWS operation, the ability of an invocation, or method and first path segment.
    pub name: String,
    /// Whether it is to change something.
    pub mutating: bool,
    /// What it is about: tables, the bucket, the queue.
    pub on: Vec<String>,
    /// Rows it names, by table (DynamoDB): the keys of a batch, else one.
    pub rows: Vec<(String, u64)>,
}

impl Operation {
    fn new(name: impl Into<String>, mutating: bool) -> Self {
        Self {
            name: name.into(),
            mutating,
            on: Vec::new(),
            rows: Vec::new(),
        }
    }
}

/// The operations of a request. `message` is the body of a `POST` to a service that takes messages, to DynamoDB or SQS.
pub(super) fn operations(
    service: Service,
    head: &Parts,
    message: Option<&Bytes>,
) -> Vec<Operation> {
    match service {
        Service::DynamoDb => {
            let rows = message.map(tables).unwrap_or_default();
            vec![Operation {
                on: rows.iter().map(|(table, _)| table.clone()).collect(),
                rows,
                ..aws_operation(service, head)
            }]
        }
        Service::Sqs => vec![Operation {
            on: message.and_then(queue).into_iter().collect(),
            ..aws_operation(service, head)
        }],
        Service::S3 => vec![s3_operation(head)],
        _ => match message.and_then(invocations) {
            Some(operations) => operations,
            None => vec![path_operation(head)],
        },
    }
}

/// Tables of a request to DynamoDB, each with how many rows it asks for or writes.
fn tables(body: &Bytes) -> Vec<(String, u64)> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Request {
        table_name: Option<String>,
        #[serde(default)]
        #[serde(rename = "RequestItems")]
        batch: BTreeMap<String, Value>,
        #[serde(default)]
        #[serde(rename = "TransactItems")]
        transaction: Vec<BTreeMap<String, Value>>,
    }
    let Ok(request) = serde_json::from_slice::<Request>(body) else {
        return Vec::new();
    };
    let batch = request.batch.into_iter().map(|(table, items)| {
        let rows = items.get("Keys").unwrap_or(&items);
        (table, rows.as_array().map_or(0, Vec::len) as u64)
    });
    let mut rows: BTreeMap<String, u64> = batch.collect();
    let parts = request.transaction.iter().flat_map(BTreeMap::values);
    let named = parts.filter_map(|part| Some(part.get("TableName")?.as_str()?.to_owned()));
    for table in request.table_name.into_iter().chain(named) {
        *rows.entry(table).or_default() += 1;
    }
    rows.into_iter().collect()
}

/// The queue of a request to SQS.
fn queue(body: &Bytes) -> Option<String> {
    let request: Value = serde_json::from_slice(body).ok()?;
    let (_, name) = request.get("QueueUrl")?.as_str()?.rsplit_once('/')?;
    Some(name.to_owned())
}

fn aws_operation(service: Service, head: &Parts) -> Operation {
    let target = head
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .and_then(|target| target.rsplit_once('.'))
        .map(|(_, operation)| operation);
    let Some(name) = target else {
        return path_operation(head);
    };
    let reads = match service {
        // Receiving a message changes what others see of it, but nothing that lasts.
        Service::Sqs => ["Get", "List", "Receive"].as_slice(),
        _ => [
            "Get",
            "Query",
            "Scan",
            "BatchGet",
            "TransactGet",
            "Describe",
            "List",
        ]
        .as_slice(),
    };
    let mutating = !reads.iter().any(|start| name.starts_with(start));
    Operation::new(name, mutating)
}

fn s3_operation(head: &Parts) -> Operation {
    let path = head.uri.path();
    let query = head.uri.query().unwrap_or_default();
    let has = |name: &str| {
        query
            .split('&')
            .any(|part| part.split('=').next() == Some(name))
    };
    let in_bucket = path.len() > 1
        && path[1..]
            .split_once('/')
            .is_some_and(|(_, key)| !key.is_empty());
    let name = match (&head.method, in_bucket) {
        (&Method::GET, true) if has("uploadId") => "ListParts",
        (&Method::GET, true) => "GetObject",
        (&Method::HEAD, true) => "HeadObject",
        (&Method::PUT, true) if has("partNumber") => "UploadPart",
        (&Method::PUT, true) if head.headers.contains_key("x-amz-copy-source") => "CopyObject",
        (&Method::PUT, true) => "PutObject",
        (&Method::POST, true) if has("uploads") => "CreateMultipartUpload",
        (&Method::POST, true) => "CompleteMultipartUpload",
        (&Method::DELETE, true) if has("uploadId") => "AbortMultipartUpload",
        (&Method::DELETE, true) => "DeleteObject",
        (&Method::GET, false) if path == "/" => "ListBuckets",
        (&Method::GET, false) if has("location") => "GetBucketLocation",
        (&Method::GET, false) if has("uploads") => "ListMultipartUploads",
        (&Method::GET, false) => "ListObjectsV2",
        (&Method::HEAD, false) => "HeadBucket",
        (&Method::PUT, false) => "CreateBucket",
        (&Method::POST, false) => "DeleteObjects",
        (&Method::DELETE, false) => "DeleteBucket",
        _ => return path_operation(head),
    };
    let mutating = !matches!(head.method, Method::GET | Method::HEAD);
    let bucket = path.split('/').nth(1).filter(|name| !name.is_empty());
    Operation {
        on: bucket.into_iter().map(str::to_owned).collect(),
        ..Operation::new(name, mutating)
    }
}

/// The method and the first segment of the path, such as `GET /claims`.
fn path_operation(head: &Parts) -> Operation {
    let first = head.uri.path().split('/').nth(1).unwrap_or_default();
    // A key or CID at the top would make one counter per object.
    let first = if first.len() > 24 { "{key}" } else { first };
    let mutating = !matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
    Operation::new(format!("{} /{first}", head.method), mutating)
}

/// Abilities that change nothing.
const READING: &[&str] = &[
    "access/claim",
    "consumer/get",
    "customer/get",
    "filecoin/info",
    "plan/get",
    "space/blob/get/0/1",
    "space/blob/list",
    "space/content/retrieve",
    "space/info",
    "subscription/list",
    "upload/get",
    "upload/list",
    "usage/report",
];

/// The abilities of the invocations of an agent message; `None` if it is none.
fn invocations(body: &Bytes) -> Option<Vec<Operation>> {
    let invocations = Message::decode(body).ok()?.invocations().ok()?;
    let operations = invocations
        .iter()
        .filter_map(|invocation| invocation.capabilities().first())
        .map(|capability| {
            let mutating = !READING.contains(&capability.can.as_str());
            Operation::new(capability.can.as_str(), mutating)
        });
    Some(operations.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn head(method: &str, uri: &str, target: Option<&str>) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn name(service: Service, head: &Parts) -> (String, bool) {
        let operation = operations(service, head, None).remove(0);
        (operation.name, operation.mutating)
    }

    #[test]
    fn requests_are_named_by_what_they_ask_for() {
        let table = Some("DynamoDB_20120810.UpdateItem");
        let dynamo = head("POST", "/", table);
        let cases = [
            (Service::DynamoDb, dynamo, "UpdateItem", true),
            (
                Service::Sqs,
                head("POST", "/", Some("AmazonSQS.ReceiveMessage")),
                "ReceiveMessage",
                false,
            ),
            (
                Service::S3,
                head("PUT", "/bucket//delegations/x.car", None),
                "PutObject",
                true,
            ),
            (
                Service::S3,
                head("GET", "/bucket/?list-type=2&prefix=a", None),
                "ListObjectsV2",
                false,
            ),
            (
                Service::S3,
                head("GET", "/bucket", None),
                "ListObjectsV2",
                false,
            ),
            (
                Service::S3,
                head("POST", "/bucket/key?uploads", None),
                "CreateMultipartUpload",
                true,
            ),
            (
                Service::S3,
                head("PUT", "/b/k?partNumber=1&uploadId=x", None),
                "UploadPart",
                true,
            ),
            (
                Service::Indexer,
                head("GET", "/claims?multihash=z", None),
                "GET /claims",
                false,
            ),
            (
                Service::IndexWorker,
                head("HEAD", "/index/a/b.car", None),
                "HEAD /index",
                false,
            ),
        ];
        for (service, head, wanted, mutating) in cases {
            assert_eq!(name(service, &head), (wanted.to_owned(), mutating));
        }
    }

    #[test]
    fn requests_name_tables_buckets_and_queues() {
        let on = |service, head: &Parts, body: &Value| {
            let body = Bytes::from(body.to_string());
            operations(service, head, Some(&body)).remove(0).on
        };
        let dynamo = head("POST", "/", Some("DynamoDB_20120810.TransactWriteItems"));
        let put = |table: &str| serde_json::json!({ "Put": { "TableName": table } });
        let both = serde_json::json!({ "TransactItems": [put("b"), put("a"), put("b")] });
        assert_eq!(on(Service::DynamoDb, &dynamo, &both), ["a", "b"]);
        let sqs = head("POST", "/", Some("AmazonSQS.SendMessageBatch"));
        let send = serde_json::json!({ "QueueUrl": "http://127.0.0.1:1/0/jobs.fifo" });
        assert_eq!(on(Service::Sqs, &sqs, &send), ["jobs.fifo"]);
        let object = head("PUT", "/bucket//delegations/x.car", None);
        assert_eq!(on(Service::S3, &object, &Value::Null), ["bucket"]);
    }

    #[test]
    fn keys_make_no_counter_of_their_own() {
        let key = format!("/{}/x.blob", "z".repeat(46));
        let head = head("GET", &key, None);
        assert_eq!(name(Service::Carpark, &head).0, "GET /{key}");
    }

    #[test]
    fn a_message_is_named_by_its_invocations() {
        use crate::proto::key::Signer;
        use crate::proto::ucan::{Capability, Draft};
        let agent = Signer::from_seed([1; 32]);
        let other = Signer::from_seed([2; 32]);
        let abilities = ["space/blob/add", "upload/list", "space/blob/add"];
        let invocations: Vec<_> = abilities
            .iter()
            .enumerate()
            .map(|(number, can)| {
                Draft::new(&agent, other.did())
                    .capability(Capability::new(*can, agent.did().as_str()))
                    .nonce(number.to_string())
                    .sign()
                    .unwrap()
            })
            .collect();
        let body = Bytes::from(Message::request(&invocations).unwrap().encode());
        let found = operations(Service::Upload, &head("POST", "/", None), Some(&body));
        let wanted = abilities.map(|can| Operation::new(can, can != "upload/list"));
        assert_eq!(found, wanted);
        let none = operations(
            Service::Upload,
            &head("POST", "/", None),
            Some(&Bytes::new()),
        );
        assert_eq!(none, [Operation::new("POST /", true)]);
    }
}
