//! What the operator asks of the fleet or of one instance: said, shown, and read back.

use anyhow::Result;

use super::session::store as tables;
use super::{CommandError, ControlReport};
use crate::config::{Settings, options};
use crate::migrations::uploads::VOCABULARY;
use crate::model::{Control, ControlCommand, InstanceId, Setting};
use crate::monitor::{self, Alive, Answer, Ask, InstanceLine, View};
use crate::runtime::Clock;
use crate::state::{Scope, ScopedControl, Store};

/// Asks something of the fleet or of one instance.
///
/// # Errors
/// Those of the tables.
pub async fn control(settings: &Settings, options: &options::Control) -> Result<ControlReport> {
    let store = tables::open(settings).await?;
    let scope = match options.instance {
        Some(number) => Scope::Instance(InstanceId::number(number)),
        None => Scope::Fleet,
    };
    let by = tables::who();
    let asked = if options.dry_run {
        let command = options.command;
        let before = store.control_of(&scope).await;
        before.map(|before| before.after(command, &by, &options.why, Clock::system().now()))
    } else {
        store
            .set_control(&scope, options.command, &by, &options.why)
            .await
    };
    let now = asked.map_err(|error| CommandError::of_state(&error))?;
    let all = store.controls().await;
    let all = all.map_err(|error| CommandError::of_state(&error))?;
    let (running, silent) = running(&store, &scope).await?;
    let mut notes = still_held(&scope, options.command, &all);
    notes.extend(silent);
    Ok(ControlReport {
        dry_run: options.dry_run,
        scope: scope.text().replace('#', " "),
        wish: now.what.clone(),
        by: now.by.clone(),
        why: now.why.clone(),
        holds: now.words(VOCABULARY.item),
        running,
        notes,
    })
}

/// What is asked, and what the instances do.
///
/// # Errors
/// Those of the tables.
pub async fn control_status(settings: &Settings) -> Result<Answer> {
    answer(settings, &Ask::Control).await
}

/// Every command of the operator.
///
/// # Errors
/// Those of the tables.
pub async fn control_log(settings: &Settings) -> Result<Answer> {
    answer(settings, &Ask::ControlLog).await
}

async fn answer(settings: &Settings, ask: &Ask) -> Result<Answer> {
    let store = tables::open(settings).await?;
    let view = monitor::answer(&store, Clock::system(), ask, &VOCABULARY, None).await;
    Ok(Answer {
        view: view.map_err(|error| CommandError::of_state(&error))?,
        words: &VOCABULARY,
    })
}

/// Instances of a scope that run, and a note when the one that is meant does not.
async fn running(store: &Store, scope: &Scope) -> Result<(Vec<String>, Option<String>)> {
    let view = monitor::answer(store, Clock::system(), &Ask::Control, &VOCABULARY, None).await;
    let View::Control { instances, .. } = view.map_err(|error| CommandError::of_state(&error))?
    else {
        return Ok((Vec::new(), None));
    };
    let meant = |name: &str| match scope {
        Scope::Fleet => true,
        Scope::Instance(one) => one.as_str() == name,
    };
    let alive = instances.iter().filter(|line| line.alive == Alive::Yes);
    let alive: Vec<_> = alive.filter(|line| meant(&line.instance)).collect();
    let name = |line: &&InstanceLine| {
        let of_number = alive.iter().filter(|one| one.instance == line.instance);
        if of_number.count() > 1 {
            format!("{} on {} (pid {})", line.instance, line.host, line.pid)
        } else {
            line.instance.clone()
        }
    };
    let running: Vec<String> = alive.iter().map(name).collect();
    let known = instances.iter().any(|line| meant(&line.instance));
    let note = match scope {
        Scope::Instance(one) if !known => Some(format!(
            "instance {one} is not part of a plan and never ran; it obeys when it starts"
        )),
        _ => None,
    };
    Ok((running, note))
}

/// What goes on holding instances that a resume was meant to free.
fn still_held(scope: &Scope, command: ControlCommand, all: &[ScopedControl]) -> Vec<String> {
    if command != ControlCommand::Resume {
        return Vec::new();
    }
    let fleet = Scope::Fleet.text();
    let held = |control: &Control| {
        if control.drain {
            ("drained", control.said(Setting::Drain).by)
        } else {
            ("paused", control.said(Setting::Pause).by)
        }
    };
    let stopped = all.iter().filter(|asked| asked.control.stops());
    let other = stopped.filter(|asked| match scope {
        Scope::Fleet => asked.scope != fleet,
        Scope::Instance(_) => asked.scope == fleet,
    });
    other
        .map(|asked| {
            let name = asked.scope.replace('#', " ");
            let flag = asked.scope.strip_prefix("instance#");
            let flag = flag.map_or_else(String::new, |number| format!(" --instance {number}"));
            let (word, by) = held(&asked.control);
            format!("{name} is still {word} by {by}: `sterna ctl resume{flag}` lifts that")
        })
        .collect()
}
