//! The site that an accept names: the location claim, and whether it says what it should.

use cid::Cid;
use ipld_core::ipld::Ipld;
use url::Url;

use super::Blob;
use crate::client::Cause;
use crate::client::ucan::failed;
use crate::proto::claims::{Claim, Location};
use crate::proto::did::Did;
use crate::proto::message::Receipt;
use crate::proto::ucan::Delegation;

/// Reads the location claim that an accept's receipt names, and holds it against what was asked: it must be of the blob
/// whole, for the space, by its issuer about itself, and not at its end. Who that issuer is, is not looked at.
pub(super) fn site(
    accepted: &Receipt,
    space: &Did,
    blob: &Blob,
    now: u64,
) -> Result<Delegation, Cause> {
    if let Some(cause) = failed(accepted) {
        return Err(cause);
    }
    let site = accepted.outcome().ok();
    let site = site.and_then(|value| value.get("site").ok().flatten());
    let Some(Ipld::Link(site)) = site else {
        return Err(Cause::Malformed("accept names no site".to_owned()));
    };
    let claim = Delegation::view_shared(site, accepted.blocks())
        .map_err(|error| Cause::Malformed(error.to_string()))?;
    match flaw(&claim, space, blob, now) {
        None => Ok(claim),
        Some(flaw) => Err(forged(site, flaw)),
    }
}

/// A location claim that is not what was asked for.
pub(super) fn forged(claim: &Cid, flaw: impl std::fmt::Display) -> Cause {
    Cause::Forged(format!("location claim {claim} {flaw}"))
}

fn flaw(claim: &Delegation, space: &Did, blob: &Blob, now: u64) -> Option<String> {
    let Ok(Claim::Location(location)) = Claim::of(claim) else {
        return Some("claims no location".to_owned());
    };
    let with = claim.capabilities().first().map(|one| one.with.as_str());
    let issuer = claim.issuer().as_str();
    if with != Some(issuer) {
        return Some(format!("of {issuer} is on {}", with.unwrap_or("nothing")));
    }
    if location.content.hash() != blob.digest {
        return Some(format!(
            "is about {}, another blob",
            location.content.hash()
        ));
    }
    let other = [Some(claim.audience()), location.space.as_ref()];
    if let Some(other) = other.into_iter().flatten().find(|did| *did != space) {
        return Some(format!("is for {other}, not for {space}"));
    }
    if !is_whole(&location, blob) {
        return Some("is about a part of the blob".to_owned());
    }
    let mut places = location.location.iter();
    if places.any(|text| Url::parse(text).is_err()) {
        return Some("names a place that is no address".to_owned());
    }
    let ended = claim.expiration().is_some_and(|at| at <= now);
    ended.then(|| "has ended".to_owned())
}

fn is_whole(location: &Location, blob: &Blob) -> bool {
    let length = blob.bytes.len() as u64;
    let range = location.range;
    range.is_none_or(|range| range.offset == 0 && range.length.is_none_or(|all| all == length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::claims::relocate;
    use crate::proto::key::Signer;
    use crate::proto::message::{Effects, Outcome};
    use crate::proto::multihash::Multihash;
    use crate::proto::ucan::{Capability, Draft, Expiration, Proof};

    const NOW: u64 = 1_000;

    fn accepted(claim: &Delegation) -> Receipt {
        let service = Signer::from_seed([8; 32]);
        let task = Proof::Link(*claim.cid());
        let site = Ipld::Map([("site".to_owned(), Ipld::Link(*claim.cid()))].into());
        let fork = vec![Proof::Delegation(claim.clone())];
        let effects = Effects { fork, join: None };
        Receipt::issue(&service, task, Outcome::Ok(site), effects).unwrap()
    }

    #[test]
    fn a_site_is_of_the_blob_for_the_space_and_by_its_issuer() {
        let [node, space, other] = [1, 2, 3].map(|seed| Signer::from_seed([seed; 32]));
        let blob = Blob::new(bytes::Bytes::from_static(b"an index"));
        let size = blob.bytes.len() as u64;
        let url = "https://storage.test/blob";
        let made = |space: &Signer, digest: &Multihash, size| {
            relocate(&node, space.did(), digest, url, size).unwrap()
        };
        let read = |claim: &Delegation| site(&accepted(claim), space.did(), &blob, NOW);
        let right = made(&space, &blob.digest, size);
        assert_eq!(read(&right).unwrap().cid(), right.cid());

        let drafted = |issuer: &Signer, with: &Signer, end| {
            let location = match Claim::of(&right) {
                Ok(Claim::Location(location)) => location,
                other => unreachable!("{other:?}"),
            };
            let draft = Draft::new(issuer, space.did());
            let draft = draft.capability(location.capability(with.did()));
            draft.expiration(end).sign().unwrap()
        };
        let nothing = Capability::new("assert/equals", node.did().as_str());
        let nothing = Draft::new(&node, space.did()).capability(nothing).sign();
        for (claim, flaw) in [
            (made(&other, &blob.digest, size), "not for"),
            (made(&space, &Multihash::sha256(b"x"), size), "another blob"),
            (made(&space, &blob.digest, size - 1), "a part"),
            (drafted(&other, &node, Expiration::Never), "is on"),
            (drafted(&node, &node, Expiration::At(NOW)), "has ended"),
            (nothing.unwrap(), "claims no location"),
        ] {
            let read = read(&claim).map(|claim| *claim.cid());
            let is_named = matches!(&read, Err(Cause::Forged(text)) if text.contains(flaw));
            assert!(is_named, "{flaw}: {read:?}");
        }
    }
}
