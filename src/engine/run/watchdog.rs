//! Warns of what hangs, of a slow run and of a full disk, while the run lasts.

use std::time::Duration;

use crate::engine::Migration;
use crate::engine::shared::Shared;
use crate::engine::watch::{disk, speed};
use crate::model::{Event, Level, Warning};
use crate::runtime::{Instant, StopLevel};

/// How often free space is checked.
const CHECK_DISK_EVERY: Duration = Duration::from_secs(30);

/// Checks regularly while the run lasts.
pub(super) async fn watch<M: Migration>(run: &Shared<M>) {
    let pause = run.config.pace.stalled_after / 60;
    let (mut shown, mut disk_warning, mut next_disk) = (Vec::new(), None, Instant::now());
    loop {
        tokio::time::sleep(pause).await;
        if run.dependencies.holds().iter().any(|hold| hold.limit == 0) {
            run.in_flight.excuse(pause);
        }
        if Instant::now() >= next_disk {
            next_disk = Instant::now() + CHECK_DISK_EVERY;
            let folder = run.store.config().dir.clone();
            let looking = run.tasks.blocking(move || disk::check(&folder));
            disk_warning = looking.await.ok().flatten();
        }
        let mut warnings: Vec<Warning> = run
            .in_flight
            .stalled(&run.config.pace)
            .into_iter()
            .collect();
        warnings.extend(disk_warning.clone());
        warnings.extend(slower(run));
        if warnings != shown {
            publish_warnings(run, &warnings, &shown);
            shown = warnings;
        }
    }
}

fn slower<M: Migration>(run: &Shared<M>) -> Option<Warning> {
    if run.admission.is_paused() || run.stop.level() > StopLevel::Run {
        return None;
    }
    let now = run.clock.now();
    run.events.read(|seen| speed::check(seen, now))
}

fn publish_warnings<M: Migration>(run: &Shared<M>, warnings: &[Warning], shown: &[Warning]) {
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
