//! Why no delegation will do, in words.

use ipld_core::ipld::Ipld;
use time::OffsetDateTime;

use super::proof::Broken;
use crate::proto::did::Did;
use crate::proto::ucan::Capability;
use crate::proto::validate::{Fault, Flaw};

/// Delegations that are named; the others are counted.
const NAMED: usize = 3;
/// Abilities that are named.
const ABILITIES: usize = 4;

/// Says why none of `listed` delegations will do: those to accounts, `broken`, one by one.
pub(crate) fn missing(space: &Did, listed: usize, broken: &[Broken]) -> String {
    let count = match listed {
        0 => return format!("space {space} has no delegations"),
        1 => "1 delegation".to_owned(),
        count => format!("{count} delegations"),
    };
    if broken.is_empty() {
        return format!("space {space} has {count}, none of them to an account");
    }
    let mut each: Vec<String> = broken.iter().take(NAMED).map(tell).collect();
    if let Some(others) = broken.len().checked_sub(NAMED).filter(|others| *others > 0) {
        each.push(format!("{others} more"));
    }
    let why = each.join("; ");
    format!("space {space} has {count}, none lets an account authorise the gateway: {why}")
}

/// Says what is wrong with one delegation.
fn tell(broken: &Broken) -> String {
    let proof = &broken.proof;
    match &broken.flaw {
        None => format!("{proof} does not lead back to the space"),
        Some(flaw) if flaw.delegation == *proof => {
            format!("{proof} {}", of_itself(&flaw.fault))
        }
        Some(Flaw { delegation, fault }) => {
            format!("{proof} rests on {delegation}, which {}", of_link(fault))
        }
    }
}

fn of_itself(fault: &Fault) -> String {
    match fault {
        Fault::Absent => "is in no bucket".to_owned(),
        Fault::Misplaced => "is to no account".to_owned(),
        fault => of_any(fault),
    }
}

fn of_link(fault: &Fault) -> String {
    match fault {
        Fault::Absent => "did not come with it".to_owned(),
        Fault::Misplaced => "is to somebody else".to_owned(),
        fault => of_any(fault),
    }
}

fn of_any(fault: &Fault) -> String {
    match fault {
        Fault::Expired(at) => format!("expired {}", date(*at)),
        Fault::TooEarly(at) => format!("is not valid before {}", date(*at)),
        Fault::Unsigned => "has a wrong signature".to_owned(),
        Fault::Revoked => "was revoked".to_owned(),
        Fault::Narrower(capabilities) => format!("allows only {}", abilities(capabilities)),
        Fault::Unfounded(issuer) => format!("is by {issuer}, who shows no right to the space"),
        Fault::Absent | Fault::Misplaced => "is not where it should be".to_owned(),
    }
}

/// The abilities of a delegation with what narrows them, the first few.
fn abilities(capabilities: &[Capability]) -> String {
    let with_limits = |one: &Capability| match &one.nb {
        Some(Ipld::Map(limits)) if !limits.is_empty() => {
            let names: Vec<_> = limits.keys().map(String::as_str).collect();
            format!("{} on {} with {}", one.can, one.with, names.join(", "))
        }
        _ => format!("{} on {}", one.can, one.with),
    };
    let mut named: Vec<_> = capabilities
        .iter()
        .take(ABILITIES)
        .map(with_limits)
        .collect();
    if let Some(others) = capabilities.len().checked_sub(ABILITIES + 1) {
        named.push(format!("{} more", others + 1));
    }
    if named.is_empty() {
        return "nothing".to_owned();
    }
    named.join(", ")
}

/// `2024-05-01`, in UTC.
fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok();
    let time = time.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    time.map_or_else(
        || "after the year 9999".to_owned(),
        |time| time.date().to_string(),
    )
}
