//! The part of some work that a dry run probes.

use std::collections::BTreeSet;

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::app::CommandError;
use crate::app::session::Work;
use crate::app::uploads::session::{ROWS, UploadsSession};
use crate::migrations::uploads::GATEWAY;
use crate::model::{Counts, UnitId, UnitProgress};

/// The part of some work in which claims may name the space, and the number of spaces in which they may not: their
/// gateway is not authorised.
pub(in crate::app::uploads) async fn authorised(
    opened: &UploadsSession,
    work: Work,
) -> Result<(Work, u64)> {
    let is_authorised = |row: Option<&UnitProgress>| row.is_some_and(|row| row.has_made(&GATEWAY));
    let (work, others) = part(opened, work, is_authorised).await?;
    Ok((work, others.len() as u64))
}

/// The part of some work that a run does not leave alone, the number of spaces that have ended, and what is counted of
/// these.
pub(in crate::app::uploads) async fn open(
    opened: &UploadsSession,
    work: Work,
) -> Result<(Work, u64, Counts)> {
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
