//! `…-migration-control`: what the operator asks of the fleet or of one instance, kept over restarts, and its log.

use crate::model::{Control, InstanceId};
use crate::state::rows::{self, Batched, Key, Row, Select, Value, stamp};
use crate::state::{Error, Store};

/// Whom a wish is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every instance.
    Fleet,
    /// One.
    Instance(InstanceId),
}

/// A wish, and whom it was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Whom.
    pub scope: String,
    /// What, by whom, when, why.
    pub control: Control,
}

const CURRENT: &str = "current";
const LOG: &str = "log#";

impl Scope {
    fn text(&self) -> String {
        match self {
            Self::Fleet => "fleet".to_owned(),
            Self::Instance(instance) => format!("instance#{instance}"),
        }
    }
}

impl Store {
    /// Replaces what is asked of `scope`, and logs it.
    pub async fn ask(&self, scope: &Scope, control: &Control) -> Result<(), Error> {
        let scope = scope.text();
        let row = || {
            Row::new()
                .with("updatedAt", stamp(control.at))
                .with("control", Value::of(control))
        };
        let key = |entry: &str| Key::two(("scope", &scope), ("entry", entry));
        let log = format!("{LOG}{}#{}", stamp(control.at), control.by);
        // The log goes first: a wish that is in force is always in the log.
        for entry in [log.as_str(), CURRENT] {
            self.rows
                .write_all(
                    &self.config.tables.control,
                    vec![Batched::Put(key(entry), row())],
                )
                .await?;
        }
        Ok(())
    }

    /// What is asked of `scope` itself.
    pub async fn asked(&self, scope: &Scope) -> Result<Control, Error> {
        let key = Key::two(("scope", &scope.text()), ("entry", CURRENT));
        let row = self.rows.get(&self.config.tables.control, &key).await?;
        Ok(row
            .and_then(|row| row.get("control")?.read())
            .unwrap_or_default())
    }

    /// What holds for an instance: what is asked of it and of the fleet together.
    pub async fn control(&self, instance: &InstanceId) -> Result<Control, Error> {
        let own = Scope::Instance(instance.clone());
        let (fleet, own) = futures::try_join!(self.asked(&Scope::Fleet), self.asked(&own))?;
        Ok(together(&fleet, &own))
    }

    /// Every wish ever, oldest first.
    pub async fn control_log(&self) -> Result<Vec<Asked>, Error> {
        let rows = rows::all(&*self.rows, &self.config.tables.control, &Select::default()).await?;
        let logged = rows.iter().filter(|row| {
            row.text("entry")
                .is_some_and(|entry| entry.starts_with(LOG))
        });
        let read = |row: &Row| {
            Some(Asked {
                scope: row.text("scope")?.to_owned(),
                control: row.get("control")?.read()?,
            })
        };
        let mut log: Vec<Asked> = logged.filter_map(read).collect();
        log.sort_by_key(|asked| asked.control.at);
        Ok(log)
    }
}

/// Pause and drain hold if either asks; a limit of the instance's own goes before the fleet's. Who and why come from
/// the newer wish.
fn together(fleet: &Control, own: &Control) -> Control {
    let (newer, older) = if own.at > fleet.at {
        (own, fleet)
    } else {
        (fleet, own)
    };
    let stops = |control: &Control| control.paused || control.drain;
    let spoken = if stops(newer) || !stops(older) {
        newer
    } else {
        older
    };
    Control {
        paused: fleet.paused || own.paused,
        drain: fleet.drain || own.drain,
        concurrency: own.concurrency.or(fleet.concurrency),
        by: spoken.by.clone(),
        why: spoken.why.clone(),
        at: spoken.at,
    }
}
