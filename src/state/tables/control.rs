//! `…-migration-control`: control commands for the fleet or one instance, kept over restarts, and their log.
//!
//! One row per scope (`current`) holds the command in force. It moves to the log when another replaces it, and is the
//! last line of the log until then. So the log has every command that was in force, and no other.

use crate::model::{Control, ControlCommand, InstanceId};
use crate::state::rows::{self, Batched, Condition, ErrorKind, Key, Row, Select, Value, Written};
use crate::state::{StateError, Store};

/// Target of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every instance.
    Fleet,
    /// One.
    Instance(InstanceId),
}

/// A command and its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopedControl {
    /// The target: `fleet` or `instance#N`.
    pub scope: String,
    /// The command, with who gave it, when and why.
    pub control: Control,
}

const CURRENT: &str = "current";
const LOG: &str = "log#";
const REVISION: &str = "revision";

/// Tries of a command while others change its row.
const TRIES: u32 = 8;

impl Scope {
    /// The scope as its rows name it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Fleet => "fleet".to_owned(),
            Self::Instance(instance) => format!("instance#{instance}"),
        }
    }

    fn key(&self, entry: &str) -> Key {
        Key::two(("scope", &self.text()), ("entry", entry))
    }
}

fn read(row: &Row) -> Option<ScopedControl> {
    Some(ScopedControl {
        scope: row.text("scope")?.to_owned(),
        control: row.get("control")?.read()?,
    })
}

impl Store {
    /// Applies a command to `scope` and logs it. Returns what holds then. Concurrent commands of several people all
    /// take effect.
    ///
    /// # Errors
    /// Those of the table, and a row that kept changing.
    pub async fn set_control(
        &self,
        scope: &Scope,
        command: ControlCommand,
        by: &str,
        why: &str,
    ) -> Result<Control, StateError> {
        let (table, key) = (&self.tables().control, scope.key(CURRENT));
        for _ in 0..TRIES {
            let row = self.rows.get(table, &key).await?;
            let revision = row.as_ref().and_then(|row| row.number(REVISION));
            let revision = revision.unwrap_or(0);
            let before = row.as_ref().and_then(read).map(|asked| asked.control);
            if let Some(before) = &before {
                self.log(scope, before).await?;
            }
            let next = before
                .unwrap_or_default()
                .after(command, by, why, self.now());
            let row = Row::new()
                .with("updatedAt", next.at)
                .with("control", Value::of(&next))
                .with(REVISION, revision + 1);
            let same = if revision == 0 {
                Condition::absent_or(REVISION, 0_u64)
            } else {
                Condition::Equals(REVISION, revision.into())
            };
            match self.rows.put(table, &key, row, same).await? {
                Written::Done(_) => return Ok(next),
                // An earlier try did it, and its answer was lost.
                Written::Refused(Some(row)) if read(&row).is_some_and(|it| it.control == next) => {
                    return Ok(next);
                }
                Written::Refused(_) => {}
            }
        }
        Err(rows::RowsError {
            doing: "change",
            table: table.clone(),
            kind: ErrorKind::Throttled,
            detail: format!(
                "the control row of {} kept changing during {TRIES} tries",
                scope.text()
            ),
            retry_after: None,
        }
        .into())
    }

    /// Writes a command that is about to be replaced into the log. A repeat writes the same line.
    async fn log(&self, scope: &Scope, control: &Control) -> Result<(), StateError> {
        let key = scope.key(&format!("{LOG}{}#{}", control.at, control.by));
        let row = Row::new()
            .with("updatedAt", control.at)
            .with("control", Value::of(control));
        let table = &self.tables().control;
        let put = vec![Batched::Put(key, row)];
        Ok(self.rows.write_all(table, put).await?)
    }

    /// The control of `scope` itself.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn control_of(&self, scope: &Scope) -> Result<Control, StateError> {
        let table = &self.tables().control;
        let row = self.rows.get(table, &scope.key(CURRENT)).await?;
        let asked = row.as_ref().and_then(read);
        Ok(asked.map(|asked| asked.control).unwrap_or_default())
    }

    /// What holds for an instance: its own control combined with that of the fleet.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn effective_control(&self, instance: &InstanceId) -> Result<Control, StateError> {
        let own = Scope::Instance(instance.clone());
        let (fleet, own) =
            futures::try_join!(self.control_of(&Scope::Fleet), self.control_of(&own))?;
        Ok(fleet.and_of(&own))
    }

    /// The controls of the fleet and of each instance that ever had one; the fleet first.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn controls(&self) -> Result<Vec<ScopedControl>, StateError> {
        let current = Condition::Equals("entry", CURRENT.into());
        self.commands(Some(current)).await
    }

    /// Every command, oldest first, including those in force.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn control_log(&self) -> Result<Vec<ScopedControl>, StateError> {
        let mut log = self.commands(None).await?;
        log.sort_by(|left, right| {
            let key = |asked: &ScopedControl| (asked.control.at, asked.scope.clone());
            key(left).cmp(&key(right))
        });
        // A command in force that was about to be replaced appears twice.
        log.dedup();
        Ok(log)
    }

    async fn commands(&self, filter: Option<Condition>) -> Result<Vec<ScopedControl>, StateError> {
        let select = Select {
            filter,
            ..Select::default()
        };
        let rows = rows::all(&*self.rows, &self.tables().control, &select).await?;
        let mut commands: Vec<ScopedControl> = rows.iter().filter_map(read).collect();
        let number = |asked: &ScopedControl| {
            let text = asked.scope.rsplit('#').next();
            text.and_then(|text| text.parse::<u32>().ok())
        };
        commands.sort_by_key(|asked| (asked.scope != "fleet", number(asked), asked.scope.clone()));
        Ok(commands)
    }
}
