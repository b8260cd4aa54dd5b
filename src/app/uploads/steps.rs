//! The steps of the uploads migration as operators name and choose them.

use std::collections::BTreeSet;

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::session::{ROWS, UploadsSession};
use crate::app::CommandError;
use crate::app::session::{StepGroup, Work};
use crate::config::options;
use crate::migrations::uploads::{GATEWAY, LOCATION, REGISTER_INDEX, STORE_INDEX};
use crate::model::{Counts, StepName, UnitId, UnitProgress};

/// Every step, in the order in which they are made.
pub const STEPS: [StepName; 4] = [GATEWAY, STORE_INDEX, REGISTER_INDEX, LOCATION];

/// The steps that can be made alone: `--only NAME`, and `--test-NAME` as the existing tool has it.
pub(super) const GROUPS: &[StepGroup] = &[INDEX_ALONE, LOCATION_ALONE, GATEWAY_ALONE];

const INDEX_ALONE: StepGroup = StepGroup {
    name: "index",
    steps: &[STORE_INDEX, REGISTER_INDEX],
};
const LOCATION_ALONE: StepGroup = StepGroup {
    name: "location-claims",
    steps: &[LOCATION],
};
const GATEWAY_ALONE: StepGroup = StepGroup {
    name: "gateway-auth",
    steps: &[GATEWAY],
};

/// The group of a choice; none for all steps.
fn group(steps: options::Steps) -> Option<StepGroup> {
    match steps {
        options::Steps::All => None,
        options::Steps::Index => Some(INDEX_ALONE),
        options::Steps::LocationClaims => Some(LOCATION_ALONE),
        options::Steps::GatewayAuthorization => Some(GATEWAY_ALONE),
    }
}

/// The choice that a name of `--only` stands for.
#[must_use]
pub fn steps_named(name: &str) -> Option<options::Steps> {
    let choices = [
        options::Steps::Index,
        options::Steps::LocationClaims,
        options::Steps::GatewayAuthorization,
    ];
    let named = |choice: &options::Steps| group(*choice).is_some_and(|group| group.name == name);
    choices.into_iter().find(named)
}

/// The names that [`steps_named`] knows.
#[must_use]
pub fn step_group_names() -> Vec<&'static str> {
    GROUPS.iter().map(|group| group.name).collect()
}

/// How a report names a run that may make one group of steps only.
pub(super) fn name(steps: options::Steps) -> Option<&'static str> {
    group(steps).map(|group| group.name)
}

/// The part of some work in which claims may name the space, and the number of spaces in which they may not: their
/// gateway is not authorised.
pub(super) async fn authorised(opened: &UploadsSession, work: Work) -> Result<(Work, u64)> {
    let is_authorised = |row: Option<&UnitProgress>| row.is_some_and(|row| row.has_made(&GATEWAY));
    let (work, others) = part(opened, work, is_authorised).await?;
    Ok((work, others.len() as u64))
}

/// The part of some work that a run does not leave alone, the number of spaces that have ended, and what is counted of
/// these.
pub(super) async fn open(opened: &UploadsSession, work: Work) -> Result<(Work, u64, Counts)> {
    let is_open = |row: Option<&UnitProgress>| row.is_none_or(|row| !row.status.is_ended());
    let (work, ended) = part(opened, work, is_open).await?;
    let counts = ended.iter().flatten().map(|row| row.counts);
    let counts = counts.fold(Counts::default(), |sum, one| sum.plus(&one));
    Ok((work, ended.len() as u64, counts))
}

/// The part of some work in spaces whose rows fulfil something, and the rows of the other spaces.
async fn part(
    opened: &UploadsSession,
    work: Work,
    fulfils: impl Fn(Option<&UnitProgress>) -> bool,
) -> Result<(Work, Vec<Option<UnitProgress>>)> {
    let units: BTreeSet<UnitId> = match &work {
        Work::Units(units) => units.iter().map(|unit| unit.id.clone()).collect(),
        Work::Items(items) => items.iter().map(|(unit, _)| unit.clone()).collect(),
    };
    let looks = stream::iter(units).map(|unit| async move {
        let progress = opened.store.progress(&unit).await;
        let progress = progress.map_err(|error| CommandError::of_state(&error))?;
        anyhow::Ok((unit, progress))
    });
    let mut looks = looks.buffered(ROWS);
    let (mut may, mut others) = (BTreeSet::new(), Vec::new());
    while let Some((unit, row)) = looks.try_next().await? {
        if fulfils(row.as_ref()) {
            may.insert(unit);
        } else {
            others.push(row);
        }
    }
    let work = match work {
        Work::Units(mut units) => {
            units.retain(|unit| may.contains(&unit.id));
            Work::Units(units)
        }
        Work::Items(mut items) => {
            items.retain(|(unit, _)| may.contains(unit));
            Work::Items(items)
        }
    };
    Ok((work, others))
}

/// A step in words, for one and for many of what it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepWords {
    /// What is done: `store`.
    pub verb: &'static str,
    /// That it was done: `stored`.
    pub past: &'static str,
    /// One of what is made.
    pub one: &'static str,
    /// Many of them.
    pub many: &'static str,
}

/// The words for a step.
#[must_use]
pub fn step_words(step: &StepName) -> StepWords {
    let words = |verb, past, one, many| StepWords {
        verb,
        past,
        one,
        many,
    };
    match step.as_str() {
        "store-index" => words("store", "stored", "index", "indexes"),
        "register-index" => words("register", "registered", "index", "indexes"),
        "location-claims" => words("publish", "published", "claim", "claims"),
        "gateway-auth" => words("authorise", "authorised", "space", "spaces"),
        _ => words("make", "made", "effect", "effects"),
    }
}

/// Bytes as a person reads them.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "a size is shown with one decimal"
)]
pub fn readable(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_words_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for step in STEPS {
            let words = step_words(&step);
            assert!(seen.insert((words.verb, words.many)), "{step}");
            assert_ne!(words.many, "effects", "{step}");
        }
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(readable(7), "7 B");
        assert_eq!(readable(1536), "1.5 KiB");
        assert_eq!(readable(40 << 20), "40.0 MiB");
    }
}
