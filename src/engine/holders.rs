//! The holders of leases that this run needs, in words for operators.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use crate::model::{Holder, RunId, UnitId};
use crate::state::{LeaseHolder, Store};

use super::Config;

/// The holders that a run has met.
#[derive(Debug, Default)]
pub(super) struct Holders(Mutex<BTreeSet<(Holder, RunId)>>);

impl Holders {
    /// Logs once per holder that the run waits for its leases.
    pub(super) async fn meet(
        &self,
        store: &Store,
        config: &Config,
        unit: &UnitId,
        held: &LeaseHolder,
    ) {
        let is_new = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((held.holder.clone(), held.run.clone()));
        if !is_new {
            return;
        }
        let names = names(store, config, [held]).await;
        let seconds = config.pace.lease_term.as_secs();
        let text = format!(
            "held by {names}; its leases are taken over once it has been silent for {seconds} s, and not \
             otherwise"
        );
        // This is normal among instances that help each other.
        if config.steal && !held.holder.is_twin_of(&config.holder()) {
            tracing::info!(%unit, "{text}");
        } else {
            tracing::warn!(%unit, "{text}");
        }
    }
}

/// Who holds these units, in words; `None` if nobody does.
pub(super) async fn held_by(
    store: &Store,
    config: &Config,
    held: &[(UnitId, LeaseHolder)],
) -> Option<String> {
    let (first, _) = held.first()?;
    let names = names(store, config, held.iter().map(|(_, held)| held)).await;
    Some(match held.len() {
        1 => format!("{first} is held by {names}"),
        number => format!("{first} and {} more are held by {names}", number - 1),
    })
}

/// Names each holder once: number, machine as far as the fleet table knows it, run, state folder.
pub(super) async fn names<'a>(
    store: &Store,
    config: &Config,
    held: impl IntoIterator<Item = &'a LeaseHolder>,
) -> String {
    let holders: BTreeMap<_, _> = held
        .into_iter()
        .map(|held| ((&held.holder, &held.run), held))
        .collect();
    // Without the fleet table the machine is not named.
    let fleet = store.fleet().await.unwrap_or_default();
    let own = config.holder();
    let name = |held: &LeaseHolder| {
        let holder = &held.holder;
        let report = fleet.iter().find(|report| report.holder() == *holder);
        let host = report
            .filter(|report| !report.host.is_empty())
            .map_or_else(String::new, |report| format!(" on {}", report.host));
        let folder = holder.folder.as_ref();
        let folder = folder.map_or_else(String::new, |id| format!(", state folder {}", id.short()));
        let twin = if holder.is_twin_of(&own) {
            ", which has this instance's number and another state folder: the same number on another machine, or \
             another --state-dir"
        } else {
            ""
        };
        format!(
            "instance {}{host} (run {}{folder}){twin}",
            holder.instance, held.run
        )
    };
    let names: Vec<String> = holders.into_values().map(name).collect();
    names.join("; ")
}
