//! What the operator asks of the fleet, and what was asked before.

use super::instance::instance as line_of;
use super::totals;
use crate::model::{InstanceReport, Noun, Said, UnixMillis, Vocabulary};
use crate::monitor::view::{AskedLine, InstanceLine, View};
use crate::state::rows::stamp;
use crate::state::{ScopedControl, StateError, Store};

/// What is asked, and what the instances do.
pub(super) async fn standing(
    store: &Store,
    now: UnixMillis,
    words: &Vocabulary,
) -> Result<View, StateError> {
    let (standing, fleet, plan, sum) = futures::try_join!(
        store.controls(),
        store.fleet(),
        store.current_plan(),
        totals::sum(store, now)
    )?;
    let instance = |report: &InstanceReport| InstanceLine {
        share: sum
            .as_ref()
            .and_then(|sum| sum.share(report.instance.as_str())),
        ..line_of(report, plan.as_ref(), now)
    };
    Ok(View::Control {
        at: stamp(now),
        asked: standing
            .iter()
            .flat_map(|one| asked(one, words.item))
            .collect(),
        instances: fleet.iter().map(instance).collect::<Vec<InstanceLine>>(),
    })
}

/// Every command ever, and every plan that came into force.
pub(super) async fn log(
    store: &Store,
    now: UnixMillis,
    words: &Vocabulary,
) -> Result<View, StateError> {
    let (wishes, plans) = futures::try_join!(store.control_log(), store.plans())?;
    let wish = |wish: &ScopedControl| AskedLine {
        scope: scope(wish),
        what: wish.control.what.clone(),
        by: wish.control.by.clone(),
        at: stamp(wish.control.at),
        why: wish.control.why.clone(),
    };
    let mut lines: Vec<AskedLine> = wishes.iter().map(wish).collect();
    lines.extend(plans.iter().map(|plan| AskedLine {
        scope: "fleet".to_owned(),
        what: format!("setup: {}", plan.line(words)),
        by: plan.made_by.clone(),
        at: stamp(plan.made_at),
        why: String::new(),
    }));
    lines.sort_by(|left, right| left.at.cmp(&right.at));
    Ok(View::ControlLog {
        at: stamp(now),
        wishes: lines,
    })
}

/// What holds for a scope, a line for each setting; `items` is what items are called.
pub(super) fn asked(asked: &ScopedControl, items: Noun) -> Vec<AskedLine> {
    let control = &asked.control;
    let line = |setting| {
        let Said { by, why, at } = control.said(setting);
        AskedLine {
            scope: scope(asked),
            what: control.word(setting, items),
            by,
            at: stamp(at),
            why,
        }
    };
    control.holds().into_iter().map(line).collect()
}

fn scope(asked: &ScopedControl) -> String {
    asked.scope.replace('#', " ")
}
