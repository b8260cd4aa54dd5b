//! `setup`: scan consumers, count uploads, share them out over instances, write rows and one file per instance.
//!
//! Counting is the long part: its checkpoint is by space, so that an interrupted setup that is run again ends with the
//! same result. Rows are written conditionally: nothing that was begun is reset. The customers files come last: where
//! they lie, the rows are there.

mod census;
mod count;
mod found;
#[cfg(test)]
mod tests;
mod write;

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{SetupReport, SetupShare, Stop, Trouble};
use crate::config::options;
use crate::model::{CustomerDid, SpaceDid};
use crate::plan::{self, Chosen, Filter, Plan, SkipList, SpaceLoad};
use crate::state::Store;

pub use census::Census;
use count::Counted;

/// Names in notes, at most.
const NAMED: usize = 5;

/// What `setup` works with.
#[derive(Debug, Clone)]
pub struct Parts<C> {
    /// The network's consumers and uploads.
    pub census: C,
    /// The migration's tables.
    pub store: Store,
    /// Folder of the customers files.
    pub dir: PathBuf,
    /// Providers of consumer rows, the one whose customer counts first.
    pub providers: Vec<String>,
    /// What the count belongs to (environment, upload table); another's is not taken up.
    pub fingerprint: String,
}

/// Runs `setup`. With `analyze` nothing is written but the count's checkpoint.
pub async fn run<C: Census>(
    parts: &Parts<C>,
    options: &options::Setup,
    stop: &Stop,
) -> Result<SetupReport> {
    let filter = options
        .filter
        .as_deref()
        .map_or_else(Filter::everyone, Filter::of);
    let skip = skip_list(options)?;
    let scanned = census::scan(&parts.census, options.parallel_segments).await?;
    let mut rows = scanned.rows;
    let migration_spaces = parts
        .store
        .migration_space_names()
        .await
        .map_err(|error| Trouble::of_state(&error))?;
    let before = rows.len();
    rows.retain(|row| !migration_spaces.contains(&row.space));
    let own = before - rows.len();
    let chosen = plan::choose(rows, &parts.providers, &filter, &skip);
    let counted = count::count(parts, &chosen, stop).await?;
    let (loads, small) = at_least(&chosen, &counted, options.min_uploads);
    let plan = plan::distribute(
        loads,
        plan::Options {
            instances: options.instances,
            split_over: options.split_over_percent,
        },
    );
    let mut notes = notes(&chosen, &counted, own, small);
    notes.extend(list(
        scanned.odd,
        "consumer rows make no sense and are left out",
    ));
    let differences =
        found::differences(&parts.store, &chosen, &counted, &migration_spaces).await?;
    let mut files = vec![None; plan.shares.len()];
    if !options.analyze {
        notes.extend(write::rows(&parts.store, &plan, filter.as_text(), stop).await?);
        files = write::files(&parts.dir, &plan, options.workers_per_instance, &mut notes)
            .context("write the customers files")?
            .into_iter()
            .map(Some)
            .collect();
        counted
            .forget()
            .context("remove the checkpoint of the count")?;
    }
    let mut report = report(&plan, files, notes, options.analyze);
    report.differences = differences;
    Ok(report)
}

fn skip_list(options: &options::Setup) -> Result<SkipList> {
    let Some(path) = &options.skip_file else {
        return Ok(SkipList::default());
    };
    let unusable = |cause: String| {
        let what = format!("read the skip file {}", path.display());
        Trouble::new(
            super::Kind::Usage,
            what,
            cause,
            "write one DID or e-mail address per line, or a JSON list of them",
        )
    };
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    Ok(SkipList::parse(&text).ok_or_else(|| unusable("it is no list".to_owned()))?)
}

/// Loads of the customers that have enough uploads, and how many customers have not.
fn at_least(chosen: &Chosen, counted: &Counted, least: u64) -> (Vec<SpaceLoad>, usize) {
    let mut totals = std::collections::BTreeMap::<&CustomerDid, u64>::new();
    for (space, customer) in &chosen.spaces {
        *totals.entry(customer).or_default() += counted.of(space);
    }
    let load = |(space, customer): (&SpaceDid, &CustomerDid)| SpaceLoad {
        customer: customer.clone(),
        space: space.clone(),
        uploads: counted.of(space),
    };
    let large = chosen
        .spaces
        .iter()
        .filter(|(_, customer)| totals.get(customer).is_some_and(|total| *total >= least));
    (
        large.map(load).collect(),
        totals.values().filter(|total| **total < least).count(),
    )
}

fn notes(chosen: &Chosen, counted: &Counted, own: usize, small: usize) -> Vec<String> {
    let some = |number: usize, text: &str| (number > 0).then(|| format!("{number} {text}"));
    let without = chosen
        .without_customer
        .iter()
        .map(ToString::to_string)
        .collect();
    let conflicts = chosen
        .conflicts
        .iter()
        .map(|conflict| format!("{} (taken for {})", conflict.space, conflict.chosen));
    let strangers = chosen.not_mail.iter().map(ToString::to_string).collect();
    [
        some(
            counted.taken_up,
            "spaces were counted by an earlier setup that was interrupted",
        ),
        list(without, "spaces have no customer and are left out"),
        list(conflicts.collect(), "spaces have several customers"),
        list(
            strangers,
            "customers are no did:mailto: migration spaces cannot be delegated to them",
        ),
        some(
            usize::try_from(chosen.filtered).unwrap_or(usize::MAX),
            "spaces are left out by the filter",
        ),
        some(
            usize::try_from(chosen.skipped).unwrap_or(usize::MAX),
            "spaces are left out by the skip file",
        ),
        some(
            small,
            "customers have fewer uploads than asked for and are left out",
        ),
        some(own, "consumer rows of migration spaces are left out"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A note with the first of some names; none without names.
fn list(names: Vec<String>, text: &str) -> Option<String> {
    let (all, more) = (names.len(), names.len().saturating_sub(NAMED));
    let first = names.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    (all > 0).then(|| format!("{all} {text}: {first}{more}"))
}

fn report(
    plan: &Plan,
    files: Vec<Option<PathBuf>>,
    notes: Vec<String>,
    analyzed_only: bool,
) -> SetupReport {
    let mut customers: Vec<&CustomerDid> = plan
        .shares
        .iter()
        .flat_map(|share| &share.portions)
        .map(|portion| &portion.customer)
        .collect();
    customers.sort_unstable();
    customers.dedup();
    let share = |((instance, share), file): ((u32, &plan::Share), Option<PathBuf>)| SetupShare {
        instance,
        customers: share.portions.len() as u64,
        spaces: share.spaces(),
        uploads: share.uploads(),
        file,
    };
    SetupReport {
        customers: customers.len() as u64,
        spaces: plan.shares.iter().map(plan::Share::spaces).sum(),
        uploads: plan.shares.iter().map(plan::Share::uploads).sum(),
        instances: (1..).zip(&plan.shares).zip(files).map(share).collect(),
        spread_percent: plan.spread_percent(),
        notes,
        differences: Vec::new(),
        analyzed_only,
    }
}
