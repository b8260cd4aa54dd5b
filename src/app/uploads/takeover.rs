//! What the existing tool left half done, outside of any upload: found, finished, told.

use std::collections::BTreeSet;

use anyhow::Result;
use futures::{StreamExt as _, stream};

use super::session::UploadsSession;
use crate::app::{CommandError, LegacyFinding, Stop, StopLevel};
use crate::migrations::uploads::{CustomerTables, MigrationSpace, VOCABULARY};
use crate::model::{Class, Counts, Snapshot, TakenOver, TakenUnit};
use crate::monitor::count;

/// Migration spaces that are finished at once.
const AT_ONCE: usize = 8;

/// What a trusted space is told to lack, and what fixes it.
pub(super) const TRUSTED_COMPLETE: &str = "kept as completed; its claims are advertised by that tool, if at all: `sterna migrate --repair` goes through \
     it again and advertises them again";

/// Finishes migration spaces of these customers that were begun and not ended. No upload may need them any more, so
/// no step would come across them (docs/protocol/pitfalls.md 35, 36).
pub(super) async fn finish_spaces(
    opened: &UploadsSession,
    customers: &BTreeSet<String>,
    stop: &Stop,
) -> Result<Vec<LegacyFinding>> {
    let spaces = CustomerTables::of(&opened.store).migration_spaces().await;
    let (spaces, _) = spaces.map_err(|error| CommandError::of_state(&error))?;
    let half_made = spaces
        .into_iter()
        .filter(|space| customers.contains(space.customer.as_str()))
        .filter_map(|space| Some((space.left_undone()?, space)));
    let mut finishing = stream::iter(half_made)
        .map(|(lacks, space)| finish(opened, lacks, space, stop))
        .buffer_unordered(AT_ONCE);
    let mut told = Vec::new();
    while let Some(finished) = finishing.next().await {
        told.push(finished?);
    }
    told.sort_by(|left, right| left.customer.cmp(&right.customer));
    Ok(told)
}

async fn finish(
    opened: &UploadsSession,
    lacks: String,
    space: MigrationSpace,
    stop: &Stop,
) -> Result<LegacyFinding> {
    let told = |done: String, needs_a_look: bool| LegacyFinding {
        customer: space.customer.to_string(),
        space: Some(space.space.to_string()),
        found: lacks.clone(),
        done,
        needs_a_look,
    };
    if stop.level() > StopLevel::Run {
        return Ok(told("unfinished: the run was stopped".to_owned(), true));
    }
    let reasons = VOCABULARY.reasons;
    let finished = opened
        .migration
        .finish_space(&space.customer, &opened.clock);
    match finished.await {
        Ok(()) => Ok(told(
            "finished: it is provisioned, and its customer has the delegation".to_owned(),
            false,
        )),
        Err(failure) if failure.class == Class::Fatal => {
            Err(CommandError::of_failure(&failure, reasons).into())
        }
        Err(failure) => Ok(told(
            format!(
                "not finished: {failure}; {}",
                reasons.advice(failure.reason)
            ),
            true,
        )),
    }
}

/// What became of the spaces that the existing tool had begun.
pub(super) fn of_units(snapshot: &Snapshot) -> Vec<LegacyFinding> {
    snapshot.taken_over_named.iter().map(of_unit).collect()
}

fn of_unit(taken: &TakenUnit) -> LegacyFinding {
    LegacyFinding {
        customer: taken.unit.owner.to_string(),
        space: Some(taken.unit.name.to_string()),
        found: left(&taken.found),
        done: done(taken),
        needs_a_look: false,
    }
}

/// How the existing tool left a space, in words.
pub(super) fn left(found: &TakenOver) -> String {
    let error = found.error.as_ref().filter(|error| !error.is_empty());
    let error = error.map_or_else(String::new, |error| format!(" ({error})"));
    format!("left {found} uploads{error}")
}

fn done(taken: &TakenUnit) -> String {
    let counts = |counts: &Counts| {
        format!(
            "{}, {} fixed, {} that need attention",
            count(counts.planned, "upload"),
            counts.done - counts.found.min(counts.done),
            counts.bad()
        )
    };
    match &taken.now {
        None => "not finished yet: the next run continues".to_owned(),
        Some(_) if taken.kept => TRUSTED_COMPLETE.to_owned(),
        Some((status, of)) => format!("processed again: {status}, {}", counts(of)),
    }
}
