//! Reads the control rows regularly, and applies them.
//!
//! If a read fails, the last control still holds. Before the first read, and after failures for longer than
//! [`Pace::control_within`](crate::engine::Pace), the run is paused, because it could not see a pause.

use crate::engine::Migration;
use crate::engine::shared::Shared;
use crate::model::{Control, Event, Limits, Said, Setting};
use crate::runtime::{Instant, StopLevel};

/// What is known of the control rows.
pub(super) struct Heard {
    /// When the last successful read started.
    at: Option<Instant>,
    /// Whether the run is paused because nothing can be read.
    deaf: bool,
}

/// Reads and applies the control before anything starts. If tables are missing or refused, the run ends.
pub(super) async fn first<M: Migration>(run: &Shared<M>) -> Heard {
    let mut heard = Heard {
        at: None,
        deaf: false,
    };
    let read = tokio::select! {
        biased;
        read = heard.again(run) => read,
        // Nothing starts any more, whatever the control says.
        () = run.stop.reached(StopLevel::Drain) => Ok(()),
    };
    if let Err(error) = read
        && error.is_fatal()
    {
        run.die(&error.failure());
    }
    heard
}

/// Reads and applies the control regularly.
pub(super) async fn listen<M: Migration>(run: &Shared<M>, mut heard: Heard) {
    loop {
        tokio::time::sleep(run.config.pace.report_every).await;
        let _ = heard.again(run).await;
    }
}

impl Heard {
    async fn again<M: Migration>(
        &mut self,
        run: &Shared<M>,
    ) -> Result<(), crate::state::StateError> {
        let asked = Instant::now();
        let read = run.store.effective_control(&run.config.instance).await;
        let control = match read {
            Ok(control) => control,
            Err(error) => {
                tracing::warn!(%error, "control rows not read");
                self.stand_still(run, &error);
                return Err(error);
            }
        };
        self.at = Some(asked);
        let was_deaf = std::mem::take(&mut self.deaf);
        apply_control(run, &control, was_deaf);
        Ok(())
    }

    /// Pauses the run if the last successful read is too long ago.
    fn stand_still<M: Migration>(&mut self, run: &Shared<M>, error: &crate::state::StateError) {
        let within = run.config.pace.control_within;
        if self.deaf || self.at.is_some_and(|at| at.elapsed() < within) {
            return;
        }
        self.deaf = true;
        if !run.admission.pause(true) {
            return;
        }
        let since = match self.at {
            None => "since this process was started".to_owned(),
            Some(at) => format!("for {} s", at.elapsed().as_secs()),
        };
        let reason = format!(
            "paused: the control rows could not be read {since} ({error}); the run continues when they can"
        );
        tracing::warn!("{reason}");
        run.events.publish(Event::Paused { reason });
    }
}

fn apply_control<M: Migration>(run: &Shared<M>, asked: &Control, was_deaf: bool) {
    let said = |what: &str, setting| {
        let Said { by, why, .. } = asked.said(setting);
        let why = if why.is_empty() {
            why
        } else {
            format!(": {why}")
        };
        format!("{what} by {by}{why} (until `sterna ctl resume`)")
    };
    let changed = run.admission.pause(asked.paused);
    if asked.paused && (changed || was_deaf) {
        let reason = said("paused", Setting::Pause);
        run.events.publish(Event::Paused { reason });
    } else if changed {
        run.events.publish(Event::Resumed);
    }
    if asked.drain && run.config.drains {
        run.drain(&said("drained", Setting::Drain));
    }
    let wanted = asked.concurrency.unwrap_or(run.config.concurrency);
    if wanted != run.admission.size() {
        run.admission.resize(wanted);
    }
    run.admission.pace(asked.rate);
    let limits = limits(asked);
    if run.events.read(|seen| seen.limits != limits) {
        run.events.publish(Event::Limited { limits });
    }
}

/// The limits, and who set them.
fn limits(asked: &Control) -> Limits {
    let by = |setting| asked.said(setting).by;
    let rate = asked.rate.map(|rate| {
        let by = by(Setting::Rate);
        format!("at most {rate} started a minute, set by {by}")
    });
    let concurrency = asked.concurrency.map(|most| {
        let by = by(Setting::Concurrency);
        format!("at most {most} in flight, set by {by}")
    });
    Limits {
        rate: asked.rate,
        words: rate.into_iter().chain(concurrency).collect(),
    }
}
