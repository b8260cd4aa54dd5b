//! Notes of a setup: what was left out, and why.

use super::count::Counted;
use super::parts::Read;
use crate::migrations::uploads::plan::Chosen;
use crate::monitor::grouped;

/// Names in a note.
const NAMED: usize = 5;

/// What an operator should know of the customers and spaces that were read.
pub(super) fn notes(read: &Read, counted: &Counted, small: usize) -> Vec<String> {
    let chosen = &read.chosen;
    let some = |number: u64, one: &str, many: &str| (number > 0).then(|| said(number, one, many));
    let of = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let taken_up = some(
        of(counted.taken_up),
        "space was counted by an earlier setup that was interrupted",
        "spaces were counted by an earlier setup that was interrupted",
    );
    let left_out = [
        some(
            chosen.filtered,
            "space is left out by the filter",
            "spaces are left out by the filter",
        ),
        some(
            chosen.skipped,
            "space is left out by the skip file",
            "spaces are left out by the skip file",
        ),
        list(
            read.skips_nobody.clone(),
            "name of the skip file fits no customer",
            "names of the skip file fit no customer",
        ),
        some(
            of(small),
            "customer has fewer uploads than asked for and is left out",
            "customers have fewer uploads than asked for and are left out",
        ),
        some(
            of(read.own),
            "consumer row of a migration space is left out",
            "consumer rows of migration spaces are left out",
        ),
        list(
            read.odd.clone(),
            "consumer row makes no sense and is left out",
            "consumer rows make no sense and are left out",
        ),
    ];
    let all = std::iter::once(taken_up)
        .chain(unfit(chosen))
        .chain(left_out);
    all.flatten().collect()
}

/// Spaces and customers that do not fit together.
fn unfit(chosen: &Chosen) -> [Option<String>; 3] {
    let without = chosen.without_customer.iter().map(ToString::to_string);
    let conflicts = chosen
        .conflicts
        .iter()
        .map(|conflict| format!("{} (planned for {})", conflict.space, conflict.chosen));
    let strangers = chosen.not_mail.iter().map(ToString::to_string);
    [
        list(
            without.collect(),
            "space has no customer and is left out",
            "spaces have no customer and are left out",
        ),
        list(
            conflicts.collect(),
            "space has several customers; it is migrated only if it has shared itself with the planned customer alone",
            "spaces have several customers; each is migrated only if it has shared itself with the planned customer alone",
        ),
        list(
            strangers.collect(),
            "customer is not a did:mailto: no migration space can be delegated to it",
            "customers are not did:mailto: no migration space can be delegated to them",
        ),
    ]
}

/// A number with what is said of one or of many.
fn said(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

/// A note with the first of some names; none without names.
fn list(names: Vec<String>, one: &str, many: &str) -> Option<String> {
    let (all, more) = (names.len() as u64, names.len().saturating_sub(NAMED));
    let first = names.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    (all > 0).then(|| format!("{}: {first}{more}", said(all, one, many)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!(said(1, "name fits", "names fit"), "1 name fits");
        let names = ["a", "b"].map(str::to_owned).to_vec();
        let text = list(names, "name fits no one", "names fit no one");
        assert_eq!(text.unwrap(), "2 names fit no one: a, b");
        assert_eq!(list(Vec::new(), "", ""), None);
    }
}
