//! Writes one upload after the other, some at the same time.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::accounts::Account;
use super::{SeedError, accounts, claims, serving, shards};
use crate::sandbox::Network;
use crate::sandbox::world::content;
use crate::sandbox::world::manifest::{self, Manifest, Record};
use crate::sandbox::world::plan::{Plan, Upload};

/// Uploads made and written at the same time.
const AT_ONCE: usize = 8;

/// Writes `plan` into `network` and its manifest into the network's folder.
///
/// # Errors
/// A table, bucket or file of the network cannot be written, or an account, delegation or index of the plan cannot be
/// made.
pub async fn seed(network: &Network, plan: &Plan) -> Result<Manifest, SeedError> {
    let accounts = accounts::write(network, plan).await?;
    serving::write(network, plan, &accounts)?;
    // Futures that are made before the stream takes them spare it a closure over all lifetimes.
    let writing: Vec<_> = plan
        .uploads
        .iter()
        .map(|upload| one(network, plan, &accounts, upload))
        .collect();
    let written: Vec<(Record, u64)> = stream::iter(writing)
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let manifest = Manifest {
        schema: manifest::SCHEMA.to_owned(),
        seed: plan.seed,
        sizes: plan.sizes,
        bytes: written.iter().map(|(_, bytes)| bytes).sum(),
        uploads: written.into_iter().map(|(record, _)| record).collect(),
    };
    manifest.write(&network.dir)?;
    Ok(manifest)
}

/// Writes one upload; gives its record and the bytes in its shards.
async fn one(
    network: &Network,
    plan: &Plan,
    accounts: &[Account],
    upload: &Upload,
) -> Result<(Record, u64), SeedError> {
    let account = &accounts[upload.space];
    let content = make(plan, upload).await;
    let shards = shards::stored(upload, &content);
    shards::write(network, account, upload, &content, &shards).await?;
    claims::write(network, account, upload, &content, &shards).await?;
    let record = Record {
        number: upload.number,
        customer: account.customer.to_string(),
        space: account.space.did().to_string(),
        root: content.root.to_string(),
        shards: shards.iter().map(|shard| shard.cid.to_string()).collect(),
        protocol: upload.protocol,
        condition: upload.condition,
        expected: plan.expected(upload),
        retrievable: plan.retrievable(upload),
    };
    let bytes = shards.iter().map(|shard| shard.car.len() as u64).sum();
    Ok((record, bytes))
}

/// Makes content on a blocking thread: hashing some MiB would hold up the listeners.
async fn make(plan: &Plan, upload: &Upload) -> content::Content {
    let (seed, upload) = (plan.seed, upload.clone());
    let making = tokio::task::spawn_blocking(move || content::make(seed, &upload));
    making.await.expect("making content does not panic")
}
