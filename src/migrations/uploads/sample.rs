//! One upload of a space, looked at before a run: whether what the settings name knows it at all.

use cid::Cid;
use url::Url;

use crate::client::{Layout, QueryKind, Services};
use crate::proto::claims::Claim;
use crate::proto::did::Did;
use crate::proto::multihash::Multihash;

/// What was found of one space; `None` where nothing was to be looked for, or nothing could be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Whether the first shard of its first upload is in a carpark, or where a claim leads.
    pub shard: Option<bool>,
    /// Whether the indexing service knows any claim of that shard or of the root.
    pub claims: Option<bool>,
    /// Whether a delegation that its table names is in the bucket of delegations.
    pub delegation: Option<bool>,
}

/// Looks at the first upload of a space that names a shard, and at the first delegation of the space.
pub(super) async fn sample(services: &Services, space: &Did) -> Sample {
    let ((shard, claims), delegation) =
        futures::join!(content(services, space), delegation(services, space));
    Sample {
        shard,
        claims,
        delegation,
    }
}

async fn content(services: &Services, space: &Did) -> (Option<bool>, Option<bool>) {
    let Ok(page) = services.tables.uploads(space, None, None).await else {
        return (None, None);
    };
    let mut rows = page.rows.iter();
    let Some((root, shard)) = rows.find_map(|row| Some((&row.root, row.shards.first()?))) else {
        return (None, None);
    };
    let hash = |text: &str| Cid::try_from(text).map(|cid| Multihash::of(&cid));
    let (Ok(root), Ok(shard)) = (hash(root), hash(shard)) else {
        return (None, None);
    };
    let hashes = [root, shard.clone()];
    let asked = services.indexing.claims(&hashes, &[], QueryKind::Standard);
    let answer = asked.await.ok();
    let claims = answer.iter().flat_map(|answer| &answer.claims);
    let places: Vec<Url> = claims
        .filter_map(|claim| match Claim::of(claim) {
            Ok(Claim::Location(location)) => Some(location.location),
            _ => None,
        })
        .flatten()
        .filter_map(|url| Url::parse(&url).ok())
        .collect();
    let located = services.carpark.locate(&shard, Layout::Blob, &places).await;
    // Where no claims could be had, a shard that is in no carpark may be elsewhere.
    let there = located.ok().map(|found| found.is_some());
    (
        there.filter(|there| *there || answer.is_some()),
        answer.map(|answer| !answer.claims.is_empty()),
    )
}

async fn delegation(services: &Services, space: &Did) -> Option<bool> {
    let rows = services.tables.delegations_by_issuer(space).await.ok()?;
    let read = services.delegations.read(&rows.first()?.link).await;
    read.ok().map(|found| found.is_some())
}
