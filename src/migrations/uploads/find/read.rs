//! From the answer of the indexing service to typed claims; pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use cid::Cid;

use super::observation::{Claims, FoundIndex, FoundLocation, Signed};
use crate::client::{Answer, ServiceKeys};
use crate::proto::claims::Claim;
use crate::proto::did::Did;
use crate::proto::key::Verifier;
use crate::proto::ucan::Delegation;

/// The keys of issuers that are no did:key.
pub(super) type Keys = BTreeMap<Did, ServiceKeys>;

/// Sorts the claims of an answer. A claim whose caveats cannot be read is about nothing and left out, as is one of a
/// kind that plays no part here.
pub(super) fn read(answer: &Answer, keys: &Keys) -> Claims {
    let outline = |link: &Cid| {
        let outline = answer.indexes.get(link)?.outline.as_ref();
        Some(outline.map(Arc::clone).map_err(ToString::to_string))
    };
    let mut claims = Claims::default();
    for delegation in &answer.claims {
        let signed = signed(delegation, keys);
        match Claim::of(delegation) {
            Ok(Claim::Location(location)) => claims.locations.push(FoundLocation {
                claim: *delegation.cid(),
                issuer: delegation.issuer().clone(),
                with: with(delegation),
                location,
                expiration: delegation.expiration(),
                signed,
            }),
            Ok(Claim::Index(index)) => claims.indexes.push(FoundIndex {
                claim: *delegation.cid(),
                issuer: delegation.issuer().clone(),
                content: index.content.hash(),
                link: index.index,
                expiration: delegation.expiration(),
                signed,
                delegation: Some(delegation.clone()),
                on_behalf_of: None,
                index: outline(&index.index),
            }),
            Ok(Claim::Equals(_) | Claim::Cache(_) | Claim::Other { .. }) | Err(_) => {}
        }
    }
    claims
}

fn with(delegation: &Delegation) -> String {
    delegation
        .capabilities()
        .first()
        .map_or_else(String::new, |capability| capability.with.clone())
}

fn signed(delegation: &Delegation, keys: &Keys) -> Signed {
    let issuer = delegation.issuer();
    let fits = if issuer.is_key() {
        Verifier::from_did(issuer).is_ok_and(|verifier| delegation.verify(&verifier))
    } else {
        match keys.get(issuer).map(|keys| &**keys) {
            None | Some([]) => return Signed::Unchecked,
            Some(keys) => keys.iter().any(|verifier| delegation.verify(verifier)),
        }
    };
    if fits { Signed::Yes } else { Signed::No }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::key::Signer;
    use crate::proto::ucan::{Capability, Draft};

    #[test]
    fn a_claim_is_checked_with_every_key_of_its_issuer_and_with_no_other() {
        let did = Did::parse("did:web:storage.test").unwrap();
        let [old, new, stranger] = [1, 2, 3].map(|seed| Signer::from_seed([seed; 32]));
        let claim = |key: &Signer| {
            let issuer = key.clone().with_did(did.clone());
            let claim = Draft::new(&issuer, stranger.did())
                .capability(Capability::new("assert/location", did.as_str()));
            claim.sign().unwrap()
        };
        let of = |key: &Signer| key.verifier().with_did(did.clone());
        let keys = Keys::from([(did.clone(), [of(&old), of(&new)].into())]);
        assert_eq!(signed(&claim(&old), &keys), Signed::Yes);
        assert_eq!(signed(&claim(&new), &keys), Signed::Yes);
        assert_eq!(signed(&claim(&stranger), &keys), Signed::No);
        assert_eq!(signed(&claim(&old), &Keys::new()), Signed::Unchecked);
        let unread = Keys::from([(did.clone(), ServiceKeys::from([]))]);
        assert_eq!(signed(&claim(&old), &unread), Signed::Unchecked);
    }
}
