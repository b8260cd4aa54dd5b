//! Which delegation lets an account have the gateway serve a space (docs/protocol/pitfalls.md 58,
//! docs/protocol/ucan.md §7).

use cid::Cid;

use crate::proto::did::Did;
use crate::proto::key::Verifier;
use crate::proto::ucan::Delegation;
use crate::proto::validate::{Context, Fault, Flaw, Rule, held};

/// What the account must hold, to pass it on.
const NEEDED: [&str; 2] = ["space/content/serve/*", "access/delegate"];

/// What delegations are judged by.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    /// Where every chain must begin.
    pub space: &'a Did,
    /// Its attestations vouch for accounts inside a chain, as they do at the gateway.
    pub upload_service: &'a Verifier,
    /// Unix seconds.
    pub now: u64,
}

/// A delegation that will do.
#[derive(Clone, Debug)]
pub(crate) struct Usable {
    /// The delegation to the account.
    pub proof: Delegation,
    /// All that it rests on, itself first, that of the space last.
    pub chain: Vec<Delegation>,
}

impl Usable {
    /// Unix seconds at which the first link ends; `None` = never.
    fn end(&self) -> Option<u64> {
        self.chain.iter().filter_map(Delegation::expiration).min()
    }
}

/// A delegation that will not do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Broken {
    /// The delegation to the account.
    pub proof: Cid,
    /// The link that fails, itself or one that it rests on; none if no single one is to blame.
    pub flaw: Option<Box<Flaw>>,
}

impl Broken {
    /// A delegation that fails by itself.
    pub(crate) fn itself(proof: Cid, fault: Fault) -> Self {
        let delegation = proof;
        Self::by(proof, Flaw { delegation, fault })
    }

    /// A delegation that fails by one of its links.
    pub(crate) fn by(proof: Cid, flaw: Flaw) -> Self {
        Self {
            proof,
            flaw: Some(Box::new(flaw)),
        }
    }
}

/// Judges a delegation with all that it rests on: to an account, from the space on each link signed, in force, to the
/// issuer of the next, and wide enough. Says nothing of revocations.
pub(crate) fn judge(proof: Delegation, case: &Case<'_>) -> Result<Usable, Broken> {
    if !proof.audience().is_mailto() {
        return Err(Broken::itself(*proof.cid(), Fault::Misplaced));
    }
    let context = Context::new(case.upload_service, case.now);
    let mut chain: Vec<Delegation> = Vec::new();
    for ability in NEEDED {
        let links = held(&Rule::new(ability), case.space.as_str(), &proof, &context);
        let links = links.map_err(|refused| Broken {
            proof: *proof.cid(),
            flaw: worst(refused.flaws).map(Box::new),
        })?;
        for link in links.chain().map(|link| &link.delegation) {
            if !chain.contains(link) {
                chain.push(link.clone());
            }
        }
    }
    Ok(Usable { proof, chain })
}

/// The flaw that tells most: what a delegation lacks matters only if nothing is wrong with it.
fn worst(flaws: Vec<Flaw>) -> Option<Flaw> {
    flaws.into_iter().min_by_key(|flaw| match flaw.fault {
        Fault::Revoked => 0,
        Fault::Expired(_) | Fault::TooEarly(_) => 1,
        Fault::Unsigned => 2,
        Fault::Absent => 3,
        Fault::Narrower(_) => 4,
        Fault::Unfounded(_) => 5,
        Fault::Misplaced => 6,
    })
}

/// Puts the best first, always the same one: the customer's own, the one that lasts longest, the shortest chain, the
/// lowest CID.
pub(crate) fn by_preference(usable: &mut [Usable], customer: &Did) {
    usable.sort_by_key(|one| {
        let own = one.proof.audience() == customer;
        let lasts = one.end().unwrap_or(u64::MAX);
        (!own, u64::MAX - lasts, one.chain.len(), *one.proof.cid())
    });
}
