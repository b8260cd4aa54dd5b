//! The publisher: drains the publishing queues into IPNI (docs/protocol/ipni.md §5).

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::advert::Advert;
use crate::proto::ipni::{Job, digests_from_body};
use crate::sandbox::indexer::record::Provider;
use crate::sandbox::layout::{bucket, queue};
use crate::sandbox::network::Network;
use crate::sandbox::s3::Condition;

/// How often an empty queue is looked at.
const TICK: Duration = Duration::from_millis(100);
/// How long a message is hidden while it is worked on, in milliseconds.
const HIDE: u64 = 30_000;

/// Works on both queues until `stop`.
pub(crate) async fn publisher(network: Arc<Network>, stop: CancellationToken) {
    let queues = [
        (queue::IPNI_BLOB, bucket::IPNI_BLOB),
        (queue::IPNI_STORE, bucket::IPNI_STORE),
    ];
    while !stop.is_cancelled() {
        for (queue, bucket) in queues {
            let waiting = network.queues.messages(queue);
            if waiting.iter().any(|message| is_job(&message.body)) {
                while !stop.is_cancelled() && drain_one(&network, queue, bucket).await {}
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

fn is_job(body: &str) -> bool {
    Job::from_message(body).is_ok()
}

/// Publishes the job of one message; whether there was one. A job whose object is missing is dropped with a warning; a
/// message that is no job stays, hidden for a while.
async fn drain_one(network: &Network, queue: &'static str, bucket: &'static str) -> bool {
    let Some((message, handle)) = network.queues.take(queue, HIDE) else {
        return false;
    };
    if !is_job(&message.body) {
        tracing::warn!(queue, id = message.id, "message is no publishing job");
        return true;
    }
    match publish(network, bucket, &message.body).await {
        Ok(()) => {}
        Err(reason) => tracing::warn!(queue, reason, "publishing job is dropped"),
    }
    if !network.queues.done(queue, &handle) {
        tracing::warn!(queue, "publishing job comes again");
    }
    true
}

async fn publish(network: &Network, bucket: &str, body: &str) -> Result<(), String> {
    let job = Job::from_message(body).map_err(|error| error.to_string())?;
    let object = network
        .objects
        .get(bucket, &job.id)
        .await
        .map_err(|error| error.to_string())?;
    let (_, bytes) = object.ok_or_else(|| format!("object {} of the job is missing", job.id))?;
    let advert = Advert {
        provider: Provider {
            peer: job.provider.id,
            addresses: job.provider.addrs,
        },
        context: job.context_id,
        metadata: job.metadata,
        digests: digests_from_body(&bytes).map_err(|error| error.to_string())?,
    };
    advert.publish(network).map_err(|error| error.to_string())?;
    network
        .objects
        .delete(bucket, &job.id, Condition::Always)
        .await
        .map_err(|error| error.to_string())?;
    Ok(())
}
