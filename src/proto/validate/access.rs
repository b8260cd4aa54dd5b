//! The walk from a claim to the owner of its resource.

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::authorization::Authorization;
use super::flaw::Fault;
use super::matching::{Match, Matcher, derive, select, sources_of};
use super::session;
use super::signed::verify;
use super::walk::{Refusal, Walk};
use super::wording::{Reasons, item, js_date};
use super::{Context, InvalidAudience, Rule, Unauthorized};
use crate::proto::ucan::{Capability, Caveats, Delegation, Proof};
use crate::proto::{Did, Verifier};

/// Longest chain of proofs and attestations that is followed.
const DEPTH: u32 = 48;

/// Decides whether an invocation may do what it claims: the first of its capabilities that fits the rule and is proven.
///
/// The audience is not compared here; see [`audience`].
///
/// # Errors
/// As [`claim`].
pub fn access(
    invocation: &Delegation,
    rule: &Rule,
    context: &Context<'_>,
) -> Result<Authorization, Unauthorized> {
    claim(rule, std::slice::from_ref(invocation), context)
}

/// Decides whether any of the delegations proves the rule's ability. Their audiences are not compared.
///
/// # Errors
/// No capability of theirs fits the rule and is proven; the error says what is wrong with each.
pub fn claim(
    rule: &Rule,
    delegations: &[Delegation],
    context: &Context<'_>,
) -> Result<Authorization, Unauthorized> {
    let walk = Walk::new(context);
    walk.claim(&Matcher::of(rule), delegations, DEPTH)
        .map_err(|refusal| walk.refused(refusal.message))
}

/// Decides whether a delegation lets its audience do the rule's ability on a resource, without caveats: as [`access`]
/// would decide on an invocation by the audience that rests on this delegation alone. Gives what proves it, from that
/// delegation to the root.
///
/// # Errors
/// The delegation does not prove it, or is revoked; the error says what is wrong.
pub fn held(
    rule: &Rule,
    resource: &str,
    delegation: &Delegation,
    context: &Context<'_>,
) -> Result<Authorization, Unauthorized> {
    let walk = Walk::new(context);
    let wanted = Capability::new(rule.can, resource).nb(Ipld::Map(Caveats::new()));
    let (mut reasons, given) = (Reasons::default(), std::slice::from_ref(delegation));
    let found = walk.derived(&Matcher::of(rule), &wanted, given, &mut reasons, DEPTH);
    let revoked = found.as_ref().and_then(|found| walk.revoked(found));
    if let Some(cid) = revoked {
        return Err(walk.refused(revoked_text(&cid)));
    }
    found
        .ok_or_else(|| walk.refused(reasons.of_capability(&wanted, delegation.audience().as_str())))
}

/// Checks that an invocation is meant for a service: its own DID, or one of the alternatives.
///
/// # Errors
/// It is meant for somebody else.
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
            match self.revoked(&authorization) {
                None => return Ok(authorization),
                Some(cid) => reasons.invalid.push(revoked_text(&cid)),
            }
        }
        Err(Refusal {
            message: reasons.of_claim(matcher.can),
            matched: !reasons.failed.is_empty(),
        })
    }

    /// The first link of a chain that was revoked.
    fn revoked(&self, authorization: &Authorization) -> Option<Cid> {
        let mut chain = authorization.chain();
        let link = chain.find(|link| (self.context.revoked)(&link.delegation))?;
        self.flaws.add(link.delegation.cid(), Fault::Revoked);
        Some(*link.delegation.cid())
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
        if proofs.is_empty() {
            let fault = Fault::Unfounded(issuer.clone());
            self.flaws.add(found.delegation.cid(), fault);
        }
        for link in proofs
            .iter()
            .filter(|proof| proof.delegation().is_none())
            .map(Proof::cid)
        {
            let why = format!("Linked proof '{link}' is not included and could not be resolved");
            reasons.invalid.push(underivable(link, &why));
            self.flaws.add(link, Fault::Absent);
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
                self.flaws.add(proof.cid(), Fault::Misplaced);
            }
        }
        self.derived(matcher, &found.value, &aligned, &mut reasons, depth)
            .ok_or_else(|| reasons.of_capability(&found.value, issuer.as_str()))
    }

    /// Looks among proofs for what a claimed capability derives from; why not goes into `reasons`.
    fn derived(
        &self,
        matcher: &Matcher<'_>,
        claim: &Capability,
        aligned: &[Delegation],
        reasons: &mut Reasons,
        depth: u32,
    ) -> Option<Authorization> {
        let mut valid = Vec::new();
        for proof in aligned {
            match self.validate(proof, aligned, depth) {
                Ok(()) => valid.push(proof),
                Err(why) => reasons.invalid.push(underivable(proof.cid(), &why)),
            }
        }
        let sources: Vec<_> = valid.iter().copied().flat_map(sources_of).collect();
        let parents = derive(matcher, claim, &sources, reasons);
        for proof in valid
            .into_iter()
            .filter(|proof| !session::is_attestation(proof))
        {
            if !parents.iter().any(|parent| parent.delegation == proof) {
                let fault = Fault::Narrower(proof.capabilities().to_vec());
                self.flaws.add(proof.cid(), fault);
            }
        }
        for parent in parents {
            if parent.is_self_issued() {
                return Some(parent.authorized(None));
            }
            let Some(depth) = depth.checked_sub(1) else {
                reasons
                    .failed
                    .push("The chain of proofs is too long".to_owned());
                continue;
            };
            match self.authorize(matcher, &parent, depth) {
                Ok(proof) => return Some(parent.authorized(Some(proof))),
                Err(error) => reasons.failed.push(error),
            }
        }
        None
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
            self.flaws.add(cid, Fault::Expired(end));
            return Err(format!("Proof {cid} has expired on {}", js_date(end)));
        }
        if let Some(start) = ucan.not_before.filter(|start| *start != 0 && now <= *start) {
            self.flaws.add(cid, Fault::TooEarly(start));
            return Err(format!(
                "Proof {cid} is not valid before {}",
                js_date(start)
            ));
        }
        let signed = self.signed(delegation, among, depth);
        if signed.is_err() {
            self.flaws.add(cid, Fault::Unsigned);
        }
        signed
    }

    /// Checks that the issuer signed, or that somebody may vouch for it.
    fn signed(
        &self,
        delegation: &Delegation,
        among: &[Delegation],
        depth: u32,
    ) -> Result<(), String> {
        let (issuer, authority) = (delegation.issuer(), self.context.authority);
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

fn revoked_text(cid: &Cid) -> String {
    format!("Proof {cid} has been revoked")
}

fn underivable(proof: &Cid, why: &str) -> String {
    format!(
        "Capability can not be derived from prf:{proof} because:\n{}",
        item(why)
    )
}
