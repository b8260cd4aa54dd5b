//! Writes a planned world into a local network, behind its listeners.
//!
//! Legacy state was there before the run, so it goes straight into tables, buckets and
//! records: it is not counted as requests and no planned fault strikes it.

mod accounts;
mod claims;
mod delegations;
mod serving;
mod shards;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use self::accounts::Account;
use super::content;
use super::manifest::{self, Manifest, Record};
use super::plan::{Plan, Upload};
use crate::proto::{did, index, ipni, ucan};
use crate::sandbox::{self, Network};

/// Uploads made and written at the same time.
const AT_ONCE: usize = 8;
/// When all of it was stored.
const LONG_AGO: &str = "2024-03-05T10:00:00.000Z";

/// Why a world could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A table, bucket or file of the local network.
    #[error("write the world")]
    Network(#[from] sandbox::Error),
    /// An object.
    #[error("store an object of the world")]
    Object(#[from] sandbox::ObjectError),
    /// A delegation or claim.
    #[error("sign a delegation of the world")]
    Delegation(#[from] ucan::Error),
    /// A planned account that is no DID.
    #[error("read an account of the plan")]
    Account(#[from] did::Error),
    /// The manifest, or what a service remembers.
    #[error("write a file of the world")]
    File(#[from] std::io::Error),
    /// An index.
    #[error("index a shard of the world")]
    Index(#[from] index::Error),
    /// An address.
    #[error("address a provider of the world")]
    Address(#[from] ipni::Error),
}

/// Writes `plan` into `network` and its manifest into the network's folder.
pub async fn seed(network: &Network, plan: &Plan) -> Result<Manifest, Error> {
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
) -> Result<(Record, u64), Error> {
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
