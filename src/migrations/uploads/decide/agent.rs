//! Whether a space lets an agent register indexes (docs/protocol/ucan.md §7, docs/protocol/blob-add.md §4).

use cid::Cid;

use crate::proto::claims::Index;
use crate::proto::did::Did;
use crate::proto::key::Verifier;
use crate::proto::ucan::{Delegation, Proof};
use crate::proto::validate::{Context, Rule, access, held};

/// What an agent holds that has the upload service register its indexes.
const ADD: &str = "space/index/add";

/// The space on which an index claim is; none if it is on something else, or says more than one thing.
pub(crate) fn resource(claim: &Delegation) -> Option<Did> {
    let [capability] = claim.capabilities() else {
        return None;
    };
    let space = Did::parse(&capability.with).ok()?;
    space.is_key().then_some(space)
}

/// The delegations by which a space lets the issuer of an index claim on it register indexes, with the claim itself;
/// none if the proofs show no such right.
///
/// The proofs must hold when the claim was made, which is before it ends. Says nothing of revocations.
pub(crate) fn granted(claim: &Delegation, upload_service: &Verifier, now: u64) -> Option<Vec<Cid>> {
    let space = resource(claim)?;
    let at = claim
        .expiration()
        .map_or(now, |end| now.min(end.saturating_sub(1)));
    let context = Context::new(upload_service, at);
    let adds = |proof: &Delegation| {
        let to_issuer = proof.audience() == claim.issuer();
        to_issuer.then(|| held(&Rule::new(ADD), space.as_str(), proof, &context).ok())?
    };
    let by_ability = access(claim, &Rule::new(Index::CAN), &context).ok();
    let chain = by_ability.or_else(|| {
        let mut proofs = claim.proofs().iter().filter_map(Proof::delegation);
        proofs.find_map(adds)
    })?;
    Some(chain.chain().map(|link| *link.delegation.cid()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::key::Signer;
    use crate::proto::multihash::{Multihash, codec};
    use crate::proto::ucan::{Capability, Draft, Expiration};

    const NOW: u64 = 1_000;

    fn keys() -> [Signer; 4] {
        [1, 2, 3, 4].map(|seed| Signer::from_seed([seed; 32]))
    }

    fn claim(by: &Signer, on: &Did, proof: Option<Delegation>) -> Delegation {
        let link = Multihash::sha256(b"index").cid(codec::CAR).unwrap();
        let index = Index {
            content: link.into(),
            index: link,
        };
        let draft = Draft::new(by, by.did()).capability(index.capability(on));
        let draft = draft.expiration(Expiration::At(NOW + 30));
        let draft = proof.into_iter().fold(draft, Draft::proof);
        draft.sign().unwrap()
    }

    fn delegation(from: &Signer, to: &Did, can: &str, on: &Did, end: u64) -> Delegation {
        let draft = Draft::new(from, to).capability(Capability::new(can, on.as_str()));
        draft.expiration(Expiration::At(end)).sign().unwrap()
    }

    #[test]
    fn an_agent_speaks_for_a_space_only_by_a_delegation_of_the_space_that_holds() {
        let [space, agent, stranger, service] = keys();
        let (on, to) = (space.did(), agent.did());
        let table = [
            (
                "index/add",
                true,
                Some(delegation(&space, to, "space/index/add", on, NOW + 60)),
            ),
            (
                "assert",
                true,
                Some(delegation(&space, to, "assert/*", on, NOW + 60)),
            ),
            (
                "everything",
                true,
                Some(delegation(&space, to, "space/*", on, NOW + 60)),
            ),
            ("no proof", false, None),
            (
                "another right",
                false,
                Some(delegation(&space, to, "upload/add", on, NOW + 60)),
            ),
            (
                "by a stranger",
                false,
                Some(delegation(&stranger, to, "assert/*", on, NOW + 60)),
            ),
            (
                "on another space",
                false,
                Some(delegation(
                    &stranger,
                    to,
                    "assert/*",
                    stranger.did(),
                    NOW + 60,
                )),
            ),
            (
                "to another",
                false,
                Some(delegation(&space, stranger.did(), "assert/*", on, NOW + 60)),
            ),
            (
                "expired",
                false,
                Some(delegation(&space, to, "assert/*", on, NOW - 1)),
            ),
        ];
        for (name, counts, proof) in table {
            let claim = claim(&agent, on, proof);
            let chain = granted(&claim, &service.verifier(), NOW);
            assert_eq!(chain.is_some(), counts, "{name}");
            // The claim of 30 seconds is read for years; its proofs held while it was made.
            let later = granted(&claim, &service.verifier(), NOW * 1_000);
            assert_eq!(later.is_some(), counts, "{name}, later");
        }
    }

    #[test]
    fn a_claim_on_two_resources_is_nobodys() {
        let [space, agent, _, service] = keys();
        let two = Draft::new(&agent, agent.did())
            .capability(Capability::new(Index::CAN, space.did().as_str()))
            .capability(Capability::new(Index::CAN, agent.did().as_str()));
        assert_eq!(
            granted(&two.sign().unwrap(), &service.verifier(), NOW),
            None
        );
    }
}
