//! Everything known of one upload or space: what its rows say, what failed, and what a look at the world finds now.

use std::sync::Arc;

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use crate::app::session::Work;
use crate::app::uploads::scope::{Resolved, refuse_nothing, resolver};
use crate::app::uploads::session::UploadsSession;
use crate::app::uploads::workload::connect;
use crate::app::{CommandError, ProgressSink, ProgressUpdate, Stop};
use crate::config::options::Scope;
use crate::config::{Settings, options};
use crate::engine::{self, Explained, UnitContext};
use crate::migrations::uploads::VOCABULARY;
use crate::model::{ItemId, StepRecord, UnitId, Verdict};
use crate::monitor::{self, FailureView, UnitLine};
use crate::state::FailedQuery;
use crate::state::rows::stamp;

/// Uploads or spaces that are looked at at once.
const AT_ONCE: usize = 8;

/// Everything known of some uploads or of a space. Looks at rows and at the world, changes nothing.
///
/// Each of `found` has `customer`, `space`, `upload`; `verdict` (of all that follows together); `row` (the space as
/// `monitor --space` shows it), `steps` of the space, `failures` (as `monitor --failed` lists them), `look` (what a look
/// at the world finds now: `verdict`, `findings`, `failure`), `differs` (where these say different things), and for an
/// upload `world`. Times are RFC 3339. `unknown_roots` are those of the roots that nobody has, as they were typed.
///
/// # Errors
/// Those of tables and services; [`crate::app::Kind::NotFound`] for what nobody has.
pub async fn explain(settings: &Settings, options: options::Explain) -> Result<Value> {
    let scope = Scope {
        only_spaces: options.space.into_iter().collect(),
        roots: options.roots,
        ..Scope::default()
    };
    let opened = connect(settings, &scope, false).await?;
    let unseen: ProgressSink = Arc::new(|_: ProgressUpdate<'_>| {});
    let Resolved {
        work,
        unknown_roots,
    } = resolver(&opened).work(&scope, &unseen).await?;
    refuse_nothing(&work, &scope)?;
    let places: Vec<(UnitId, Option<ItemId>)> = match work {
        Work::Units(units) => units.into_iter().map(|unit| (unit.id, None)).collect(),
        Work::Items(items) => items
            .into_iter()
            .map(|(unit, item)| (unit, Some(item)))
            .collect(),
    };
    let opened = &*opened;
    let looks = stream::iter(places)
        .map(|(unit, item)| async move { one(opened, &unit, item.as_ref()).await });
    let found: Vec<Value> = looks.buffered(AT_ONCE).try_collect().await?;
    Ok(json!({ "found": found, "unknown_roots": unknown_roots }))
}

async fn one(opened: &UploadsSession, unit: &UnitId, item: Option<&ItemId>) -> Result<Value> {
    let (parts, _) = opened.parts(Stop::new());
    let words = &VOCABULARY;
    let explained = engine::explain(&parts, unit, item).await;
    let explained = explained.map_err(|error| CommandError::of_engine(&error, words.reasons))?;
    let row = opened.store.progress_row(unit).await;
    let row = row.map_err(|error| CommandError::of_state(&error))?;
    let row = row.as_ref().map(monitor::unit_line);
    let query = FailedQuery::unit(unit);
    let failures = monitor::failures(&opened.store, &query, words).await;
    let mut failures = failures.map_err(|error| CommandError::of_state(&error))?;
    failures.retain(|failed| item.is_none_or(|item| is_about(failed, item, explained.verdict)));
    let of_rows = by_rows(item, row.as_ref(), &failures);
    let mut value = json!({
        "customer": *unit.owner,
        "space": *unit.name,
        "upload": item,
        "verdict": together(of_rows, explained.verdict, item),
        "differs": differs(item, row.as_ref(), &failures, &explained),
        "row": monitor::in_words(&row, words)?,
        "steps": steps(&explained),
        "failures": monitor::in_words(&failures, words)?,
        "look": {
            "of": if item.is_some() { "the upload" } else { "the space itself, not its uploads" },
            "verdict": explained.verdict,
            "findings": explained.findings,
            "failure": explained.failure,
        },
    });
    if let (Some(item), Some(fields)) = (item, value.as_object_mut()) {
        let context = UnitContext::new(unit.clone(), opened.clock, opened.tasks.clone());
        // What the engine could not judge is in its failure already.
        if let Ok(seen) = opened.migration.explain(&context, item).await {
            fields.insert("world".into(), seen.json());
        }
    }
    Ok(value)
}

/// Whether a row is that of an upload, or that of all which a cause of the space keeps back: one that is right needs
/// nothing of the space.
fn is_about(failed: &FailureView, item: &ItemId, look: Verdict) -> bool {
    failed.item == item.as_str()
        || look != Verdict::Ok && ItemId::new(failed.item.as_str()).is_all_of_unit()
}

/// What rows and a look say together. Of an upload that is not right the look says how, as an audit does.
fn together(rows: Verdict, look: Verdict, item: Option<&ItemId>) -> Verdict {
    match look {
        Verdict::Wrong | Verdict::Missing if item.is_some() => look,
        look => worse(rows, look),
    }
}

/// Steps of the space as its row records them, with readable times.
fn steps(explained: &Explained) -> Value {
    let steps = explained.progress.iter().flat_map(|row| &row.steps);
    let step = |record: &StepRecord| json!({ "state": record.state, "at": stamp(record.at), "attempts": record.attempts });
    steps
        .map(|(name, record)| (name.to_string(), step(record)))
        .collect()
}

/// What the rows say: of an upload its failure, of a space its status and its counters.
fn by_rows(item: Option<&ItemId>, row: Option<&UnitLine>, failures: &[FailureView]) -> Verdict {
    if !failures.is_empty() {
        return Verdict::Wrong;
    }
    match (item, row) {
        (Some(_), _) => Verdict::Ok,
        (None, Some(row)) if row.counts.bad() > 0 || row.status == "failed" => Verdict::Wrong,
        (None, Some(row)) if row.status == "completed" && row.counts.left() == 0 => Verdict::Ok,
        (None, _) => Verdict::Missing,
    }
}

/// The one of two that is worse; what could not be told is worse than ok only.
fn worse(one: Verdict, other: Verdict) -> Verdict {
    let rank = |verdict| match verdict {
        Verdict::Ok => 0,
        Verdict::CouldNotTell => 1,
        Verdict::Missing => 2,
        Verdict::Wrong => 3,
    };
    if rank(other) > rank(one) { other } else { one }
}

/// Where row, failures and look say different things, in words.
fn differs(
    item: Option<&ItemId>,
    row: Option<&UnitLine>,
    failures: &[FailureView],
    explained: &Explained,
) -> Vec<String> {
    let mut differs = Vec::new();
    let look = explained.verdict;
    if let Some(row) = row {
        let listed: u64 = failures.iter().map(|failed| failed.items.max(1)).sum();
        let counted = row.counts.bad();
        if item.is_none() && listed != counted {
            differs.push(format!(
                "the row counts {counted} failed uploads, {listed} are listed"
            ));
        }
        if !row.counts.add_up() {
            differs.push("the counters of the row do not add up".to_owned());
        }
        if row.status == "completed" && row.counts.bad() > 0 {
            differs.push(format!(
                "the row says completed, and counts {counted} failed uploads"
            ));
        }
        if row.status == "completed" && look != Verdict::Ok {
            let look = look.as_str();
            differs.push(format!("the row says completed, a check now says {look}"));
        }
    }
    if item.is_some() && !failures.is_empty() && look == Verdict::Ok {
        differs.push(
            "it is listed as failed, but a check now finds it right: `sterna retry --failed` corrects the rows"
                .to_owned(),
        );
    }
    differs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_wrong_outweighs_what_is_unknown() {
        use Verdict::{CouldNotTell, Missing, Ok, Wrong};
        for (one, other, wanted) in [
            (Ok, Ok, Ok),
            (Ok, CouldNotTell, CouldNotTell),
            (CouldNotTell, Missing, Missing),
            (Wrong, Missing, Wrong),
        ] {
            assert_eq!((worse(one, other), worse(other, one)), (wanted, wanted));
        }
    }
}
