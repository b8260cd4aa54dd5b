//! Handing a job to the publisher: the digests into the bucket, then the message into the queue.

use std::sync::Arc;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use bytes::Bytes;
use url::Url;

use crate::aws::Fault;
use crate::client::batch::Batcher;
use crate::client::calls::Calls;
use crate::client::{AwsClients, Cause, ClientError, Dependency, Network, Protocol, aws, buckets};
use crate::proto::ipni::{Dialect, Job, digests_to_body};
use crate::proto::multihash::Multihash;

const STORE: &str = "store a publishing job";
const SEND: &str = "queue a publishing job";
/// Most messages of one batch (SQS).
const BATCH: usize = 10;
/// Batches of one queue on their way at once.
const PLACES: usize = 4;

/// The publishing queues and their buckets. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Publisher {
    s3: aws_sdk_s3::Client,
    sqs: aws_sdk_sqs::Client,
    blob: Arc<Lane>,
    store: Arc<Lane>,
    calls: Calls,
}

/// The bucket and queue of one protocol.
#[derive(Debug)]
struct Lane {
    bucket: String,
    queue: Url,
    batcher: Batcher<Message>,
}

#[derive(Clone, Debug)]
struct Message {
    body: String,
    group: String,
}

impl Publisher {
    pub(crate) fn new(clients: &AwsClients, network: &Network, calls: Calls) -> Self {
        let lane = |bucket: &str, queue: &Url| {
            Arc::new(Lane {
                bucket: bucket.to_owned(),
                queue: queue.clone(),
                batcher: Batcher::new(BATCH, PLACES),
            })
        };
        Self {
            s3: clients.s3.clone(),
            sqs: clients.sqs.clone(),
            blob: lane(&network.buckets.ipni_blob, &network.queues.ipni_blob),
            store: lane(&network.buckets.ipni_store, &network.queues.ipni_store),
            calls,
        }
    }

    /// Stores the digests that a job advertises. The job's id follows from what it says, so repeating it writes the
    /// same object.
    ///
    /// # Errors
    /// The bucket refuses the object, or no try gets a valid answer.
    pub async fn store(
        &self,
        protocol: Protocol,
        job: &Job,
        digests: &[Multihash],
    ) -> Result<(), ClientError> {
        let body = Bytes::from(digests_to_body(digests, Dialect::Js));
        let lane = self.lane(protocol);
        let attempt = || {
            buckets::put(
                &self.s3,
                &lane.bucket,
                &job.id,
                "application/octet-stream",
                body.clone(),
            )
        };
        self.calls.run(Dependency::S3, STORE, attempt).await
    }

    /// Queues a job whose digests are stored. The queue drops a message that it has seen in the last minutes.
    ///
    /// # Errors
    /// The queue refuses the message, or no try gets a valid answer.
    pub async fn queue(&self, protocol: Protocol, job: &Job) -> Result<(), ClientError> {
        let message = Message {
            body: job.to_message(Dialect::Js),
            group: job.group_id(),
        };
        let lane = self.lane(protocol);
        let attempt = || {
            lane.batcher
                .send(message.clone(), |batch| self.send(lane, batch))
        };
        self.calls.run(Dependency::Sqs, SEND, attempt).await
    }

    fn lane(&self, protocol: Protocol) -> &Lane {
        match protocol {
            Protocol::Blob => &self.blob,
            Protocol::Store => &self.store,
        }
    }

    async fn send(&self, lane: &Lane, batch: Vec<Message>) -> Vec<Result<(), Cause>> {
        let entries = batch.iter().enumerate().map(|(id, message)| {
            SendMessageBatchRequestEntry::builder()
                .id(id.to_string())
                .message_body(&message.body)
                .message_group_id(&message.group)
                .build()
                .expect("id and body are set")
        });
        let request = self.sqs.send_message_batch().queue_url(lane.queue.as_str());
        let answer = match request
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .map_err(aws::cause)
        {
            Ok(answer) => answer,
            Err(cause) => return batch.iter().map(|_| Err(cause.clone())).collect(),
        };
        let sent = |id: usize| {
            answer
                .successful()
                .iter()
                .any(|entry| entry.id() == id.to_string())
        };
        let fault = |id: usize| {
            answer
                .failed()
                .iter()
                .find(|entry| entry.id() == id.to_string())
        };
        (0..batch.len())
            .map(|id| {
                if sent(id) {
                    Ok(())
                } else {
                    Err(unsent(fault(id)))
                }
            })
            .collect()
    }
}

/// A batch may be taken in part; an entry that is not named as sent was not sent.
fn unsent(fault: Option<&aws_sdk_sqs::types::BatchResultErrorEntry>) -> Cause {
    match fault {
        Some(fault) => Fault::of_entry(fault.code(), fault.message()).into(),
        None => Cause::Malformed("the answer leaves out a message".to_owned()),
    }
}
