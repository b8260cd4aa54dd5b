//! Which capabilities fit a rule, and which derive from which.

use ipld_core::ipld::Ipld;

use super::authorization::Authorization;
use super::rule::derives_as_javascript;
use super::wording::{Reasons, claimed, decoded, item};
use super::{Derives, Rule};
use crate::proto::ucan::{Capability, Caveats, Delegation};

/// A rule whose checks may be closures.
pub(super) struct Matcher<'a> {
    pub(super) can: &'a str,
    pub(super) with: &'a dyn Fn(&str) -> Result<(), String>,
    pub(super) nb: &'a dyn Fn(Caveats) -> Result<Caveats, String>,
    pub(super) derives: Derives,
}

impl<'a> Matcher<'a> {
    /// The checks of a rule.
    pub(super) fn of(rule: &'a Rule) -> Self {
        Self {
            can: rule.can,
            with: &rule.with,
            nb: &rule.nb,
            derives: rule.derives,
        }
    }
}

/// A capability in the delegation that states it.
pub(super) struct Source<'a> {
    capability: &'a Capability,
    delegation: &'a Delegation,
}

/// A capability that fits, with its caveats parsed.
pub(super) struct Match<'a> {
    pub(super) value: Capability,
    pub(super) delegation: &'a Delegation,
}

impl Match<'_> {
    /// The issuer owns the resource.
    pub(super) fn is_self_issued(&self) -> bool {
        self.value.with == self.delegation.issuer().as_str()
    }

    /// Puts it on top of the chain that proves it.
    pub(super) fn authorized(self, proof: Option<Authorization>) -> Authorization {
        Authorization {
            capability: self.value,
            delegation: self.delegation.clone(),
            proof: proof.map(Box::new),
        }
    }
}

/// The capabilities that a delegation states.
pub(super) fn sources_of(delegation: &Delegation) -> impl Iterator<Item = Source<'_>> {
    delegation
        .capabilities()
        .iter()
        .map(move |capability| Source {
            capability,
            delegation,
        })
}

/// The capabilities that are of the matcher's ability.
pub(super) fn select<'a>(
    matcher: &Matcher<'_>,
    sources: &[Source<'a>],
    reasons: &mut Reasons,
) -> Vec<Match<'a>> {
    let mut found = Vec::new();
    for Source {
        capability,
        delegation,
    } in sources
    {
        if capability.can != matcher.can {
            reasons.unknown.push((*capability).clone());
            continue;
        }
        match parse(
            matcher,
            &capability.can,
            &capability.with,
            caveats(capability),
        ) {
            Ok(value) => found.push(Match { value, delegation }),
            Err(why) => reasons.narrower.push(format!(
                "Can not derive [object Object] from delegated capabilities:\n{}",
                item(&malformed(capability, &why))
            )),
        }
    }
    found
}

/// The capabilities that the claimed one derives from.
pub(super) fn derive<'a>(
    matcher: &Matcher<'_>,
    claim: &Capability,
    sources: &[Source<'a>],
    reasons: &mut Reasons,
) -> Vec<Match<'a>> {
    let mut found = Vec::new();
    for Source {
        capability,
        delegation,
    } in sources
    {
        if !covers(&capability.can, &claim.can) {
            reasons.unknown.push((*capability).clone());
            continue;
        }
        let with = if capability.with == "ucan:*" {
            &claim.with
        } else {
            &capability.with
        };
        let mut laid_over = caveats(claim);
        laid_over.extend(caveats(capability));
        let value =
            parse(matcher, &claim.can, with, laid_over).map_err(|why| malformed(capability, &why));
        let compare = |value: &Capability| match matcher.derives {
            Derives::By(derives) => derives(claim, value),
            Derives::JavaScript => derives_as_javascript(claim, value, &caveats(capability)),
        };
        let value = value.and_then(|value| match compare(&value) {
            Ok(()) => Ok(value),
            Err(why) => Err(format!("Constraint violation: {why}")),
        });
        match value {
            Ok(value) => found.push(Match { value, delegation }),
            Err(why) => reasons.narrower.push(format!(
                "Can not derive {} from delegated capabilities:\n{}",
                claimed(claim),
                item(&why)
            )),
        }
    }
    found
}

/// Tells whether a delegated ability is, or is a pattern for, a claimed one.
fn covers(pattern: &str, can: &str) -> bool {
    let within = |prefix: &str| {
        can.strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    pattern == can || pattern == "*" || pattern.strip_suffix("/*").is_some_and(within)
}

fn parse(matcher: &Matcher<'_>, can: &str, with: &str, nb: Caveats) -> Result<Capability, String> {
    (matcher.with)(with)?;
    let nb = (matcher.nb)(nb)?;
    Ok(Capability {
        can: can.to_owned(),
        with: with.to_owned(),
        nb: Some(Ipld::Map(nb)),
    })
}

fn caveats(capability: &Capability) -> Caveats {
    match &capability.nb {
        Some(Ipld::Map(caveats)) => caveats.clone(),
        _ => Caveats::new(),
    }
}

fn malformed(capability: &Capability, why: &str) -> String {
    format!(
        "Encountered malformed '{}' capability: {}\n{}",
        capability.can,
        decoded(capability),
        item(why)
    )
}
