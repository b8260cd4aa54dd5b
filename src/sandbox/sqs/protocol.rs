//! The SQS protocol: `POST /` with the operation in `X-Amz-Target`, JSON in and out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::post;
use multibase::Base::Base16Lower;
use s3s::crypto::{Checksum as _, Md5};
use serde_json::{Map, Value, json};

use super::queue::Receipt;
use super::store::{HIDDEN_MS, Outgoing, QueueError, Queues, Sent, is_fifo};
use crate::sandbox::layout::{ACCOUNT, REGION};
use crate::sandbox::network::{Network, Urls};

/// Messages in one batch, sent or received.
const BATCH: usize = 10;

/// How often a waiting receiver looks.
const LOOK: Duration = Duration::from_millis(50);

/// The SQS listener.
pub(crate) fn router(shared: Arc<Network>) -> Router {
    Router::new()
        .route("/", post(serve))
        .route("/{account}/{queue}", post(serve))
        .with_state(shared)
}

async fn serve(
    State(shared): State<Arc<Network>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let operation = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .and_then(|target| target.strip_prefix("AmazonSQS."))
        .unwrap_or_default();
    let Ok(request) = serde_json::from_slice::<Map<String, Value>>(&body) else {
        return refusal(
            "com.amazon.coral.service#SerializationException",
            "no JSON object",
        );
    };
    let call = Call {
        queues: &shared.queues,
        urls: &shared.urls,
        request: &request,
    };
    match call.run(operation).await {
        Ok(answer) => respond(StatusCode::OK, &answer),
        Err(error) => {
            let (name, code) = match &error {
                QueueError::NoQueue => (
                    "QueueDoesNotExist",
                    "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
                ),
                QueueError::NoGroup => ("MissingParameter", "MissingParameter".to_owned()),
                QueueError::BadHandle => (
                    "ReceiptHandleIsInvalid",
                    "ReceiptHandleIsInvalid".to_owned(),
                ),
                QueueError::Batch { code, .. } => (*code, format!("AWS.SimpleQueueService.{code}")),
                QueueError::File(_) => ("InternalError", "InternalError".to_owned()),
            };
            let kind = format!("com.amazonaws.sqs#{name}");
            let mut answer = refusal(&kind, &error.to_string());
            if let Ok(value) = HeaderValue::try_from(format!("{code};Sender")) {
                answer.headers_mut().insert("x-amzn-query-error", value);
            }
            answer
        }
    }
}

/// One request.
struct Call<'a> {
    queues: &'a Queues,
    urls: &'a Urls,
    request: &'a Map<String, Value>,
}

impl Call<'_> {
    async fn run(&self, operation: &str) -> Result<Value, QueueError> {
        match operation {
            "SendMessage" => self.send(),
            "SendMessageBatch" => self.send_batch(),
            "ReceiveMessage" => self.receive().await,
            "DeleteMessage" => self
                .queues
                .delete(&self.queue()?, self.text("ReceiptHandle"))
                .map(|()| json!({})),
            "DeleteMessageBatch" => self.delete_batch(),
            "ChangeMessageVisibility" => {
                let hide = self.number("VisibilityTimeout").unwrap_or(0) * 1000;
                self.queues
                    .hide(&self.queue()?, self.text("ReceiptHandle"), hide)
                    .map(|()| json!({}))
            }
            "PurgeQueue" => self.queues.purge(&self.queue()?).map(|()| json!({})),
            "GetQueueAttributes" => self.attributes(),
            "GetQueueUrl" => self.url(),
            "ListQueues" => Ok(self.list()),
            "CreateQueue" => {
                let name = self.text("QueueName");
                if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
                    return Err(QueueError::NoQueue);
                }
                self.queues.create(name)?;
                Ok(json!({ "QueueUrl": self.urls.queue(name) }))
            }
            _ => Err(QueueError::NoQueue),
        }
    }

    fn send(&self) -> Result<Value, QueueError> {
        let sent = self
            .queues
            .send(&self.queue()?, vec![outgoing(self.request)])?
            .pop()
            .ok_or(QueueError::NoQueue)??;
        Ok(self.sent(&sent, self.text("MessageBody")))
    }

    fn send_batch(&self) -> Result<Value, QueueError> {
        let entries = self.entries()?;
        let bodies = entries.iter().map(|entry| outgoing(entry)).collect();
        let results = self.queues.send(&self.queue()?, bodies)?;
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for (entry, result) in entries.into_iter().zip(results) {
            let id = text(entry, "Id");
            match result {
                Ok(sent) => {
                    let mut answer = self.sent(&sent, text(entry, "MessageBody"));
                    answer["Id"] = json!(id);
                    good.push(answer);
                }
                Err(error) => bad.push(json!({
                    "Id": id, "SenderFault": true, "Code": "MissingParameter",
                    "Message": error.to_string(),
                })),
            }
        }
        Ok(json!({ "Successful": good, "Failed": bad }))
    }

    async fn receive(&self) -> Result<Value, QueueError> {
        let queue = self.queue()?;
        let limit = self.number("MaxNumberOfMessages").unwrap_or(1);
        let limit = usize::try_from(limit).unwrap_or(BATCH).clamp(1, BATCH);
        let hide = self
            .number("VisibilityTimeout")
            .map_or(HIDDEN_MS, |seconds| seconds * 1000);
        let wait = Duration::from_secs(self.number("WaitTimeSeconds").unwrap_or(0).min(20));
        let end = tokio::time::Instant::now() + wait;
        loop {
            let found = self.queues.receive(&queue, limit, hide)?;
            if !found.is_empty() || tokio::time::Instant::now() >= end {
                let messages: Vec<Value> = found.iter().map(received).collect();
                return Ok(json!({ "Messages": messages }));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn delete_batch(&self) -> Result<Value, QueueError> {
        let queue = self.queue()?;
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for entry in self.entries()? {
            let id = text(entry, "Id");
            match self.queues.delete(&queue, text(entry, "ReceiptHandle")) {
                Ok(()) => good.push(json!({ "Id": id })),
                Err(error) => bad.push(json!({
                    "Id": id, "SenderFault": true, "Code": "ReceiptHandleIsInvalid",
                    "Message": error.to_string(),
                })),
            }
        }
        Ok(json!({ "Successful": good, "Failed": bad }))
    }

    fn attributes(&self) -> Result<Value, QueueError> {
        let name = self.queue()?;
        let (visible, hidden) = self.queues.counts(&name)?;
        let mut attributes = json!({
            "QueueArn": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"),
            "ApproximateNumberOfMessages": visible.to_string(),
            "ApproximateNumberOfMessagesNotVisible": hidden.to_string(),
            "ApproximateNumberOfMessagesDelayed": "0",
            "VisibilityTimeout": (HIDDEN_MS / 1000).to_string(),
        });
        if is_fifo(&name) {
            attributes["FifoQueue"] = json!("true");
            attributes["ContentBasedDeduplication"] = json!("true");
            attributes["DeduplicationScope"] = json!("queue");
        }
        let wanted: Vec<&str> = self
            .request
            .get("AttributeNames")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if let Some(map) = attributes.as_object_mut()
            && !wanted.contains(&"All")
        {
            map.retain(|name, _| wanted.contains(&name.as_str()));
        }
        Ok(json!({ "Attributes": attributes }))
    }

    fn url(&self) -> Result<Value, QueueError> {
        let name = self.text("QueueName");
        self.queues.counts(name)?;
        Ok(json!({ "QueueUrl": self.urls.queue(name) }))
    }

    fn list(&self) -> Value {
        let prefix = self.text("QueueNamePrefix");
        let urls: Vec<String> = self
            .queues
            .names()
            .iter()
            .filter(|name| name.starts_with(prefix))
            .map(|name| self.urls.queue(name))
            .collect();
        json!({ "QueueUrls": urls })
    }

    fn sent(&self, sent: &Sent, body: &str) -> Value {
        let mut answer = json!({ "MessageId": sent.id, "MD5OfMessageBody": md5(body) });
        if self.queue().is_ok_and(|name| is_fifo(&name)) {
            answer["SequenceNumber"] = json!(format!("{:020}", sent.number));
        }
        answer
    }

    /// The name in `QueueUrl`, the last segment of its path.
    fn queue(&self) -> Result<String, QueueError> {
        let url = self.text("QueueUrl");
        let name = url.rsplit('/').next().filter(|name| !name.is_empty());
        name.map(str::to_owned).ok_or(QueueError::NoQueue)
    }

    /// The entries of a batch: one to ten, each with an id of its own.
    fn entries(&self) -> Result<Vec<&Map<String, Value>>, QueueError> {
        let refused = |code, text| Err(QueueError::Batch { code, text });
        let entries: Vec<_> = self
            .request
            .get("Entries")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .collect();
        let ids: BTreeSet<_> = entries.iter().map(|entry| text(entry, "Id")).collect();
        match entries.len() {
            0 => refused(
                "EmptyBatchRequest",
                "There should be at least one entry in the request.",
            ),
            length if length > BATCH => refused(
                "TooManyEntriesInBatchRequest",
                "A batch has at most 10 entries.",
            ),
            length if ids.len() < length => refused(
                "BatchEntryIdsNotDistinct",
                "Two entries of the batch have the same id.",
            ),
            _ => Ok(entries),
        }
    }

    fn text(&self, name: &str) -> &str {
        text(self.request, name)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.request.get(name)?.as_u64()
    }
}

fn outgoing(entry: &Map<String, Value>) -> Outgoing {
    let given = |name: &str| {
        let value = text(entry, name);
        (!value.is_empty()).then(|| value.to_owned())
    };
    Outgoing {
        body: text(entry, "MessageBody").to_owned(),
        group: given("MessageGroupId"),
        deduplication: given("MessageDeduplicationId"),
        attributes: entry.get("MessageAttributes").cloned().unwrap_or_default(),
    }
}

fn received(receipt: &Receipt) -> Value {
    let message = &receipt.message;
    let mut attributes = json!({
        "SentTimestamp": message.sent_ms.to_string(),
        "ApproximateReceiveCount": receipt.received.to_string(),
    });
    if !message.group.is_empty() {
        attributes["MessageGroupId"] = json!(message.group);
        attributes["MessageDeduplicationId"] = json!(message.deduplication);
        attributes["SequenceNumber"] = json!(format!("{:020}", message.number));
    }
    let mut answer = json!({
        "MessageId": message.id,
        "ReceiptHandle": receipt.handle,
        "Body": message.body,
        "MD5OfBody": md5(&message.body),
        "Attributes": attributes,
    });
    if message.attributes.is_object() {
        answer["MessageAttributes"] = message.attributes.clone();
    }
    answer
}

/// Clients compare this with the body they sent or got.
fn md5(body: &str) -> String {
    Base16Lower.encode(Md5::checksum(body.as_bytes()))
}

fn text<'a>(map: &'a Map<String, Value>, name: &str) -> &'a str {
    map.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn refusal(kind: &str, message: &str) -> Response<Body> {
    respond(
        StatusCode::BAD_REQUEST,
        &json!({ "__type": kind, "message": message }),
    )
}

fn respond(status: StatusCode, answer: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-amz-json-1.0"),
    );
    response
}
