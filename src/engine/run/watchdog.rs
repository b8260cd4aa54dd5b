//! Says what hangs, what is slower than it was and whether the disk is full, for as long as a run goes.

use std::time::Duration;

use crate::engine::Migration;
use crate::engine::shared::Shared;
use crate::engine::watch::{disk, speed};
use crate::model::{Event, Level, Warning};
use crate::runtime::{Degree, Moment};

/// How often free space is looked at.
const LOOK_AT_DISK: Duration = Duration::from_secs(30);

/// Looks now and then, for as long as the run goes.
pub(super) async fn watch<M: Migration>(run: &Shared<M>) {
    let pause = run.config.pace.stalled_after / 60;
    let (mut shown, mut space, mut next_disk) = (Vec::new(), None, Moment::now());
    loop {
        tokio::time::sleep(pause).await;
        if run.dependencies.holds().iter().any(|hold| hold.limit == 0) {
            run.flights.excuse(pause);
        }
        if Moment::now() >= next_disk {
            next_disk = Moment::now() + LOOK_AT_DISK;
            let folder = run.store.config().dir.clone();
            let looking = run.tasks.blocking(move || disk::look(&folder));
            space = looking.await.ok().flatten();
        }
        let mut warnings: Vec<Warning> =
            run.flights.stalled(&run.config.pace).into_iter().collect();
        warnings.extend(space.clone());
        warnings.extend(slower(run));
        if warnings != shown {
            tell(run, &warnings, &shown);
            shown = warnings;
        }
    }
}

fn slower<M: Migration>(run: &Shared<M>) -> Option<Warning> {
    if run.gate.is_paused() || run.stop.degree() > Degree::Run {
        return None;
    }
    let now = run.clock.unix_ms();
    run.events.look(|seen| speed::look(seen, now))
}

fn tell<M: Migration>(run: &Shared<M>, warnings: &[Warning], shown: &[Warning]) {
    for warning in warnings.iter().filter(|one| !shown.contains(one)) {
        tracing::warn!(level = %warning.level, action = warning.action, "{}", warning.what);
        if warning.level == Level::Critical {
            let reason = format!("{}; {}", warning.what, warning.action);
            run.health.refuse(&reason);
            run.drain(&reason);
        }
    }
    run.events.publish(Event::Warned {
        warnings: warnings.to_vec(),
    });
}
