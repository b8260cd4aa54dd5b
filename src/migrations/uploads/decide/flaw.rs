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
    let named = broken.iter().take(NAMED);
    let mut each: Vec<String> = named.map(|one| tell(space, one)).collect();
    if let Some(others) = broken.len().checked_sub(NAMED).filter(|others| *others > 0) {
        each.push(format!("{others} more"));
    }
    let why = each.join("; ");
    format!("space {space} has {count}, none lets an account authorise the gateway: {why}")
}

/// Says what is wrong with one delegation.
fn tell(space: &Did, broken: &Broken) -> String {
    let proof = &broken.proof;
    match broken.flaw.as_deref() {
        None => format!("{proof} does not lead back to the space"),
        Some(flaw) if flaw.delegation == *proof => {
            format!("{proof} {}", of_itself(space, &flaw.fault))
        }
        Some(Flaw { delegation, fault }) => {
            let why = of_link(space, fault);
            format!("{proof} rests on {delegation}, which {why}")
        }
    }
}

fn of_itself(space: &Did, fault: &Fault) -> String {
    match fault {
        Fault::Absent => "is in no bucket".to_owned(),
        Fault::Misplaced => "is to no account".to_owned(),
        fault => of_any(space, fault),
    }
}

fn of_link(space: &Did, fault: &Fault) -> String {
    match fault {
        Fault::Absent => "did not come with it".to_owned(),
        Fault::Misplaced => "is to somebody else".to_owned(),
        fault => of_any(space, fault),
    }
}

fn of_any(space: &Did, fault: &Fault) -> String {
    match fault {
        Fault::Expired(at) => format!("expired {}", date(*at)),
        Fault::TooEarly(at) => format!("is not valid before {}", date(*at)),
        Fault::Unsigned => "has a wrong signature".to_owned(),
        Fault::Revoked => "was revoked".to_owned(),
        Fault::Narrower(capabilities) => format!("allows only {}", abilities(space, capabilities)),
        Fault::Unfounded(issuer) => format!("is by {issuer}, who shows no right to the space"),
        Fault::Absent | Fault::Misplaced => "is not where it should be".to_owned(),
    }
}

/// The first few abilities of a delegation, each with its resource if that is not the space, and with what narrows it.
fn abilities(space: &Did, capabilities: &[Capability]) -> String {
    if capabilities.is_empty() {
        return "nothing".to_owned();
    }
    let named = capabilities.iter().take(ABILITIES);
    let mut named: Vec<_> = named.map(|one| ability(space, one)).collect();
    if let Some(others) = capabilities
        .len()
        .checked_sub(ABILITIES)
        .filter(|others| *others > 0)
    {
        named.push(format!("{others} more"));
    }
    named.join(", ")
}

fn ability(space: &Did, capability: &Capability) -> String {
    let mut text = capability.can.clone();
    if capability.with != space.as_str() {
        text = format!("{text} on {}", capability.with);
    }
    match &capability.nb {
        Some(Ipld::Map(limits)) if !limits.is_empty() => {
            let names: Vec<_> = limits.keys().map(String::as_str).collect();
            format!("{text} limited by {}", names.join(", "))
        }
        _ => text,
    }
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
