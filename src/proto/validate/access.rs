//! The walk from a claim to the owner of its resource.

use std::cell::Cell;

use super::matching::{Match, Matcher, derive, select, sources_of};
use super::session;
use super::wording::{Reasons, item, js_date};
use super::{Context, InvalidAudience, Rule, Unauthorized};
use crate::proto::ucan::{Capability, Delegation, Proof};
use crate::proto::{Did, Verifier};

/// Delegations that one decision looks at, repeats counted. Honest chains need a handful.
const BUDGET: u32 = 2_000;
/// Longest chain of proofs and attestations that is followed.
const DEPTH: u32 = 48;

/// A capability that is proven, with the chain that proves it.
#[derive(Debug, Clone)]
pub struct Authorization {
    /// The capability as claimed.
    pub capability: Capability,
    /// The delegation that claims it.
    pub delegation: Delegation,
    /// What the delegation rests on; nothing if its issuer owns the resource.
    pub proof: Option<Box<Authorization>>,
}

impl Authorization {
    /// Goes from the claim to the root of the chain.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |link| link.proof.as_deref())
    }
}

/// Decides whether an invocation may do what it claims: the first of its capabilities that fits the rule and is proven.
///
/// The audience is not compared here; see [`audience`].
pub fn access(
    invocation: &Delegation,
    rule: &Rule,
    context: &Context<'_>,
) -> Result<Authorization, Unauthorized> {
    claim(rule, std::slice::from_ref(invocation), context)
}

/// Decides whether any of the delegations proves the rule's ability. Their audiences are not compared.
pub fn claim(
    rule: &Rule,
    delegations: &[Delegation],
    context: &Context<'_>,
) -> Result<Authorization, Unauthorized> {
    let matcher = Matcher {
        can: rule.can,
        with: &rule.with,
        nb: &rule.nb,
        derives: rule.derives,
    };
    let walk = Walk {
        context,
        budget: Cell::new(BUDGET),
    };
    walk.claim(&matcher, delegations, DEPTH)
        .map_err(|refusal| Unauthorized {
            message: refusal.message,
        })
}

/// Checks that an invocation is meant for a service: its own DID, or one of the alternatives.
pub fn audience(
    invocation: &Delegation,
    own: &Did,
    alternatives: &[Did],
) -> Result<(), InvalidAudience> {
    let got = invocation.audience();
    if got == own || alternatives.contains(got) {
        return Ok(());
    }
    Err(InvalidAudience {
        expected: own.clone(),
        got: got.clone(),
    })
}

/// A refused claim.
pub(super) struct Refusal {
    pub(super) message: String,
    /// Something matched, but its own proofs failed.
    pub(super) matched: bool,
}

/// One decision.
pub(super) struct Walk<'a> {
    pub(super) context: &'a Context<'a>,
    budget: Cell<u32>,
}

impl Walk<'_> {
    /// Looks for a proven capability among those that the delegations state themselves.
    pub(super) fn claim(
        &self,
        matcher: &Matcher<'_>,
        delegations: &[Delegation],
        depth: u32,
    ) -> Result<Authorization, Refusal> {
        let mut reasons = Reasons::default();
        let mut sources = Vec::new();
        for delegation in delegations {
            match self.validate(delegation, delegations, depth) {
                Ok(()) => sources.extend(sources_of(delegation)),
                Err(error) => reasons.invalid.push(error),
            }
        }
        for found in select(matcher, &sources, &mut reasons) {
            let proof = if found.is_self_issued() {
                None
            } else {
                match self.authorize(matcher, &found, depth) {
                    Ok(proof) => Some(proof),
                    Err(error) => {
                        reasons.failed.push(error);
                        continue;
                    }
                }
            };
            let authorization = found.authorized(proof);
            let mut chain = authorization.chain();
            let revoked = chain
                .find(|link| (self.context.revoked)(&link.delegation))
                .map(|link| *link.delegation.cid());
            drop(chain);
            match revoked {
                None => return Ok(authorization),
                Some(cid) => reasons
                    .invalid
                    .push(format!("Proof {cid} has been revoked")),
            }
        }
        Err(Refusal {
            message: reasons.of_claim(matcher.can),
            matched: !reasons.failed.is_empty(),
        })
    }

    /// Looks for the capability that a found one derives from, down to one that is self-issued.
    fn authorize(
        &self,
        matcher: &Matcher<'_>,
        found: &Match<'_>,
        depth: u32,
    ) -> Result<Authorization, String> {
        let mut reasons = Reasons::default();
        let issuer = found.delegation.issuer();
        let mut aligned: Vec<Delegation> = Vec::new();
        let proofs = found.delegation.proofs();
        for link in proofs
            .iter()
            .filter(|proof| proof.delegation().is_none())
            .map(Proof::cid)
        {
            let why = format!("Linked proof '{link}' is not included and could not be resolved");
            reasons.invalid.push(underivable(link, &why));
        }
        for proof in proofs.iter().filter_map(Proof::delegation) {
            if proof.audience() == issuer {
                aligned.push(proof.clone());
            } else {
                let why = format!(
                    "Delegation audience is '{}' instead of '{issuer}'",
                    proof.audience()
                );
                reasons.invalid.push(underivable(proof.cid(), &why));
            }
        }
        let mut sources = Vec::new();
        for proof in &aligned {
            match self.validate(proof, &aligned, depth) {
                Ok(()) => sources.extend(sources_of(proof)),
                Err(why) => reasons.invalid.push(underivable(proof.cid(), &why)),
            }
        }
        for parent in derive(matcher, &found.value, &sources, &mut reasons) {
            if parent.is_self_issued() {
                return Ok(parent.authorized(None));
            }
            let Some(depth) = depth.checked_sub(1) else {
                reasons
                    .failed
                    .push("The chain of proofs is too long".to_owned());
                continue;
            };
            match self.authorize(matcher, &parent, depth) {
                Ok(proof) => return Ok(parent.authorized(Some(proof))),
                Err(error) => reasons.failed.push(error),
            }
        }
        Err(reasons.of_capability(&found.value, issuer.as_str()))
    }

    /// Checks time and signature of a delegation that stands among others.
    fn validate(
        &self,
        delegation: &Delegation,
        among: &[Delegation],
        depth: u32,
    ) -> Result<(), String> {
        let Some(budget) = self.budget.get().checked_sub(1) else {
            return Err("There are too many proofs to look at".to_owned());
        };
        self.budget.set(budget);
        let (cid, ucan, now) = (delegation.cid(), delegation.ucan(), self.context.now);
        if let Some(end) = ucan.expiration.filter(|end| *end <= now) {
            return Err(format!("Proof {cid} has expired on {}", js_date(end)));
        }
        if let Some(start) = ucan.not_before.filter(|start| *start != 0 && now <= *start) {
            return Err(format!(
                "Proof {cid} is not valid before {}",
                js_date(start)
            ));
        }
        let (issuer, authority) = (&ucan.issuer, self.context.authority);
        if issuer.is_key() {
            return match Verifier::from_did(issuer) {
                Ok(verifier) => verify(delegation, &verifier),
                Err(error) => Err(error.to_string()),
            };
        }
        if issuer == authority.did() {
            return verify(delegation, authority);
        }
        session::verify(self, delegation, among, depth)
    }
}

/// Checks the signature with one key.
pub(super) fn verify(delegation: &Delegation, verifier: &Verifier) -> Result<(), String> {
    if delegation.verify(verifier) {
        return Ok(());
    }
    let (cid, issuer, key) = (delegation.cid(), delegation.issuer(), verifier.key_did());
    if issuer.is_key() {
        return Err(format!(
            "Proof {cid} does not has a valid signature from {key}"
        ));
    }
    Err(format!(
        "Proof {cid} issued by {issuer} does not has a valid signature from {key}\n  ℹ️ Probably issuer signed with a \
         different key, which got rotated, invalidating delegations that were issued with prior keys"
    ))
}

fn underivable(proof: &cid::Cid, why: &str) -> String {
    format!(
        "Capability can not be derived from prf:{proof} because:\n{}",
        item(why)
    )
}
