//! A closer probe: whether what the records of an upload name is there.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use url::Url;

use super::observation::{Absent, Observation, Shard, Signed};
use crate::client::{ClientError, Layout, QueryKind};
use crate::migrations::uploads::decide::{Trust, claimed_places, right_indexes, size};
use crate::migrations::uploads::parts::Parts;
use crate::migrations::uploads::reasons;
use crate::model::{Class, Failure, Reason};
use crate::proto::claims::Claim;
use crate::proto::did::Did;
use crate::proto::multihash::Multihash;

/// Shards of an upload that are looked for at once.
const AT_ONCE: usize = 8;

/// Looks for the index and the shards of an upload, without reading them.
///
/// An index or a shard counts as absent only if every place where it may lie says so.
pub(crate) async fn presence(
    parts: &Parts,
    space: &Did,
    observed: &Observation,
) -> Result<Absent, Failure> {
    let mut absent = Absent::default();
    for link in right_indexes(observed) {
        if is_index_there(parts, &Multihash::of(&link)).await? {
            break;
        }
        let why = "whose bytes are nowhere".to_owned();
        absent.indexes.insert(link, why);
    }
    let looks: Vec<_> = observed
        .shards
        .iter()
        .map(|shard| of_shard(parts, space, observed, shard))
        .collect();
    let looks = stream::iter(looks).buffered(AT_ONCE);
    let looks: Vec<(Vec<String>, Option<Failure>)> = looks.try_collect().await?;
    for (addresses, damage) in looks {
        absent.addresses.extend(addresses);
        absent.damage = absent.damage.or(damage);
    }
    Ok(absent)
}

/// Whether the bytes of an index lie in the carpark, or where a location claim says.
pub(crate) async fn is_index_there(parts: &Parts, index: &Multihash) -> Result<bool, Failure> {
    let carpark = &parts.services.carpark;
    let located = carpark.locate(index, Layout::Blob, &[]).await;
    if located.map_err(could_not_tell)?.is_some() {
        return Ok(true);
    }
    let indexing = &parts.services.indexing;
    let asked = indexing.claims(std::slice::from_ref(index), &[], QueryKind::Location);
    let claims = asked.await.map_err(could_not_tell)?.claims;
    let mut elsewhere = Vec::new();
    for claim in &claims {
        if let Ok(Claim::Location(location)) = Claim::of(claim)
            && location.content.hash() == *index
        {
            let urls = location.location.iter();
            elsewhere.extend(urls.filter_map(|url| Url::parse(url).ok()));
        }
    }
    let located = carpark.locate(index, Layout::Blob, &elsewhere).await;
    if located.map_err(could_not_tell)?.is_some() {
        return Ok(true);
    }
    let unasked = elsewhere
        .iter()
        .find(|url| !carpark.addresses().expects(url));
    match unasked {
        None => Ok(false),
        Some(url) => Err(Failure::unknown(
            Reason::COULD_NOT_TELL,
            format!("an index may be at {url}, but nothing is fetched from there"),
        )),
    }
}

/// The claimed addresses at which a shard does not lie, and what is wrong with the shard itself.
async fn of_shard(
    parts: &Parts,
    space: &Did,
    observed: &Observation,
    shard: &Shard,
) -> Result<(Vec<String>, Option<Failure>), Failure> {
    let carpark = &parts.services.carpark;
    let size = size(observed, shard);
    let mut dead = Vec::new();
    for place in claimed_places(observed, &parts.trust, shard, space) {
        let Ok(url) = Url::parse(&place) else {
            continue;
        };
        match carpark.at(&url).await.map_err(could_not_tell)? {
            Some(length) => return Ok((dead, check_length(shard, size, length).err())),
            None => dead.push(place),
        }
    }
    let layout = observed.rows.get(&shard.hash);
    let layout = layout.map_or(Layout::Blob, |row| Layout::from(row.protocol));
    let places = observed.known_places(shard);
    let located = carpark.locate(&shard.hash, layout, &places).await;
    let damage = match located.map_err(could_not_tell)? {
        None => Some(nowhere(observed, &parts.trust, shard)?),
        Some(located) => check_length(shard, size, located.length).err(),
    };
    Ok((dead, damage))
}

/// A recorded size that the object contradicts would give wrong ranges (docs/protocol/pitfalls.md 16).
pub(crate) fn check_length(
    shard: &Shard,
    recorded: Option<u64>,
    found: Option<u64>,
) -> Result<(), Failure> {
    match (recorded, found) {
        (Some(recorded), Some(found)) if recorded != found => Err(Failure::permanent(
            reasons::WRONG_SIZE,
            format!(
                "shard {} has {found} bytes in the carpark, {recorded} in the tables",
                shard.cid
            ),
        )),
        _ => Ok(()),
    }
}

/// A shard that is at none of its addresses.
///
/// # Errors
/// It could not be told: a claim of a known issuer leads to a place from which nothing is fetched.
pub(crate) fn nowhere(
    observed: &Observation,
    trust: &Trust,
    shard: &Shard,
) -> Result<Failure, Failure> {
    let claims = observed.claims.locations.iter();
    let of_shard = claims.filter(|found| {
        found.location.content.hash() == shard.hash
            && found.signed == Signed::Yes
            && trust.issuers.contains(&found.issuer)
    });
    let urls = of_shard.flat_map(|found| &found.location.location);
    let mut urls = urls.filter_map(|text| Url::parse(text).ok());
    match urls.find(|url| !trust.addresses.expects(url)) {
        None => Ok(Failure::permanent(
            reasons::MISSING_BLOB,
            format!(
                "shard {} is at none of its addresses in the carparks",
                shard.cid
            ),
        )),
        Some(url) => Err(Failure::unknown(
            Reason::COULD_NOT_TELL,
            format!(
                "shard {} is in no carpark but may be at {url}, from where nothing is fetched: add its address to CARPARK_PUBLIC_URLS",
                shard.cid
            ),
        )),
    }
}

/// Trouble with reading leaves the world unknown, whatever it was; only what ends the run stays what it is.
pub(crate) fn could_not_tell(error: ClientError) -> Failure {
    let mut failure = Failure::from(error);
    if failure.class != Class::Fatal {
        failure.class = Class::Unknown;
    }
    failure
}

impl Observation {
    /// Addresses that claims name for a shard, whoever issued them; only expected ones are ever asked.
    pub(in crate::migrations::uploads) fn known_places(&self, shard: &Shard) -> Vec<Url> {
        let of_shard = self
            .claims
            .locations
            .iter()
            .filter(|found| found.location.content.hash() == shard.hash);
        let urls = of_shard.flat_map(|found| &found.location.location);
        urls.filter_map(|text| Url::parse(text).ok()).collect()
    }
}
