//! Where a shard lies and how large it is, as a claim will say it.

use crate::client::{Layout, Located, Protocol, ShardRow};
use crate::migrations::uploads::find::{Observation, Shard, check_length, nowhere};
use crate::migrations::uploads::parts::Parts;
use crate::migrations::uploads::reasons;
use crate::model::Failure;
use crate::proto::did::Did;

/// What a location claim says, checked against the carpark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The shard's URL.
    pub url: String,
    /// Its size in bytes.
    pub size: u64,
    /// How it came into the carpark.
    pub protocol: Protocol,
    /// The layout of its address, if it is one of the carpark's own.
    pub layout: Option<Layout>,
}

/// Finds a shard: where a step of this turn saw it, else by asking the carpark. Its size comes from the tables, as a
/// last resort from the carpark.
pub(crate) async fn find(
    parts: &Parts,
    observed: &Observation,
    shard: &Shard,
    space: &Did,
) -> Result<Place, Failure> {
    let row = row(parts, observed, shard, space).await?;
    let located = match observed.located(&shard.hash) {
        Some(located) => located,
        None => ask(parts, observed, shard, row).await?,
    };
    check_length(shard, row.map(|row| row.size), located.length)?;
    let size = row
        .map(|row| row.size)
        .or(located.length)
        .filter(|size| *size > 0);
    let size = size.ok_or_else(|| {
        Failure::permanent(
            reasons::MISSING_SIZE,
            format!("size of shard {} is recorded nowhere", shard.cid),
        )
    })?;
    let protocol = row.map_or_else(|| protocol(located.layout), |row| row.protocol);
    Ok(Place {
        url: located.url.to_string(),
        size,
        protocol,
        layout: located.layout,
    })
}

async fn row(
    parts: &Parts,
    observed: &Observation,
    shard: &Shard,
    space: &Did,
) -> Result<Option<ShardRow>, Failure> {
    if let Some(row) = observed.rows.get(&shard.hash) {
        return Ok(Some(*row));
    }
    let found = parts
        .services
        .tables
        .shard_rows(space, &[shard.cid])
        .await?;
    Ok(found.get(&shard.hash).copied())
}

async fn ask(
    parts: &Parts,
    observed: &Observation,
    shard: &Shard,
    row: Option<ShardRow>,
) -> Result<Located, Failure> {
    let layout = row.map_or(Layout::Blob, |row| Layout::from(row.protocol));
    let located = parts
        .services
        .carpark
        .locate(&shard.hash, layout, &observed.known_places(shard))
        .await?;
    match located {
        Some(located) => Ok(located),
        None => Err(nowhere(observed, &parts.trust, shard)?),
    }
}

fn protocol(layout: Option<Layout>) -> Protocol {
    match layout {
        Some(Layout::Store) => Protocol::Store,
        Some(Layout::Blob) | None => Protocol::Blob,
    }
}
