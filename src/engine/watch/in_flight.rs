//! Activities in flight, so that those that hang are named and abandoned.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::engine::config::Pace;
use crate::model::{Failure, ItemId, Level, Reason, UnitId, Warning};
use crate::runtime::Instant;

/// The activities that a run waits for. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlight {
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    all: BTreeMap<u64, Activity>,
}

#[derive(Debug)]
struct Activity {
    /// What it is, with item and unit.
    what: String,
    heartbeat: Heartbeat,
    given_up: CancellationToken,
}

/// Shows that an activity makes progress. Clones share it.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    since: Arc<Mutex<Instant>>,
}

/// An activity. Dropping it removes the activity.
struct InFlightGuard<'a> {
    in_flight: &'a InFlight,
    number: u64,
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        self.in_flight.lock().all.remove(&self.number);
    }
}

impl Default for Heartbeat {
    /// A heartbeat that is not watched.
    fn default() -> Self {
        Self::new()
    }
}

impl Heartbeat {
    pub(crate) fn new() -> Self {
        Self {
            since: Arc::new(Mutex::new(Instant::now())),
        }
    }

    /// Shows progress. A long activity must call it at least every few minutes.
    pub fn beat(&self) {
        *self.lock() = Instant::now();
    }

    fn still(&self) -> Duration {
        self.lock().elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, Instant> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    /// Does `work`, which is abandoned if it hangs for too long.
    ///
    /// # Errors
    /// Those of `work`. [`Reason::TIMEOUT`] of class unknown if it was abandoned, because it may have had its effect.
    pub(crate) async fn during<T, W>(
        &self,
        doing: &str,
        unit: &UnitId,
        item: Option<&ItemId>,
        work: impl FnOnce(Heartbeat) -> W,
    ) -> Result<T, Failure>
    where
        W: Future<Output = Result<T, Failure>>,
    {
        let heartbeat = Heartbeat::new();
        let given_up = CancellationToken::new();
        let what = match item {
            Some(item) => format!("{doing} of {item} in {unit}"),
            None => format!("{doing} of {unit}"),
        };
        let number = {
            let mut open = self.lock();
            open.next += 1;
            let number = open.next;
            let activity = Activity {
                what: what.clone(),
                heartbeat: heartbeat.clone(),
                given_up: given_up.clone(),
            };
            open.all.insert(number, activity);
            number
        };
        let _guard = InFlightGuard {
            in_flight: self,
            number,
        };
        let begun = Instant::now();
        match given_up.run_until_cancelled(work(heartbeat)).await {
            Some(result) => result,
            None => Err(Failure::unknown(
                Reason::TIMEOUT,
                format!(
                    "{what} hung and was abandoned after {} s",
                    begun.elapsed().as_secs()
                ),
            )),
        }
    }

    /// Excuses all activities for a time in which a service was down.
    pub(crate) fn excuse(&self, span: Duration) {
        for activity in self.lock().all.values() {
            let mut since = activity.heartbeat.lock();
            *since = (*since + span).min(Instant::now());
        }
    }

    /// The warning about activities that hang. Abandons those that hang for too long.
    pub(crate) fn stalled(&self, pace: &Pace) -> Option<Warning> {
        let open = self.lock();
        let mut still: Vec<_> = open
            .all
            .values()
            .map(|activity| (activity.heartbeat.still(), activity))
            .filter(|(still, _)| *still >= pace.stalled_after)
            .collect();
        still.sort_by_key(|(still, _)| std::cmp::Reverse(*still));
        for (_, activity) in still
            .iter()
            .filter(|(still, _)| *still >= pace.give_up_after)
        {
            activity.given_up.cancel();
        }
        let (_, first) = still.first()?;
        let more = match still.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more activities"),
        };
        Some(Warning {
            level: Level::Warning,
            what: format!(
                "nothing moved for {} s: {}{more}",
                pace.stalled_after.as_secs(),
                first.what
            ),
            action: format!(
                "check the service it needs; it is abandoned and tried again after {} s",
                pace.give_up_after.as_secs()
            ),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::future::{join, pending};

    use super::*;

    fn names() -> (UnitId, ItemId) {
        (
            UnitId::new("did:mailto:test:owner", "space"),
            ItemId::new("root"),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn what_hangs_is_named_then_given_up_and_what_beats_goes_on() {
        let (in_flight, pace, (unit, item)) = (InFlight::default(), Pace::default(), names());
        let hangs = in_flight.during("step copy", &unit, Some(&item), |_| {
            pending::<Result<(), Failure>>()
        });
        let beats = in_flight.during("probe", &unit, None, async |heartbeat| {
            for _ in 0..200 {
                tokio::time::sleep(pace.stalled_after / 2).await;
                heartbeat.beat();
            }
            Ok(())
        });
        let watches = async {
            tokio::time::sleep(pace.stalled_after * 9 / 10).await;
            assert_eq!(in_flight.stalled(&pace), None);
            tokio::time::sleep(pace.stalled_after / 10).await;
            let said = in_flight.stalled(&pace).unwrap().what;
            assert!(
                said.ends_with(&format!("s: step copy of root in {unit}")),
                "{said}"
            );
            tokio::time::sleep(pace.give_up_after).await;
            in_flight.stalled(&pace);
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(in_flight.stalled(&pace), None);
        };
        let ((hung, beat), ()) = join(join(hangs, beats), watches).await;
        let failure = hung.unwrap_err();
        assert_eq!(failure.reason, Reason::TIMEOUT);
        assert!(
            failure.message.contains("step copy of root"),
            "{}",
            failure.message
        );
        assert!(beat.is_ok() && in_flight.lock().all.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_for_a_service_that_is_down_is_excused() {
        let (in_flight, pace, (unit, _)) = (InFlight::default(), Pace::default(), names());
        let waits = in_flight.during("probe", &unit, None, async |_| {
            tokio::time::sleep(3 * pace.give_up_after).await;
            Ok(())
        });
        let watches = async {
            for _ in 0..36 {
                tokio::time::sleep(pace.give_up_after / 12).await;
                in_flight.excuse(pace.give_up_after / 12);
                assert_eq!(in_flight.stalled(&pace), None);
            }
        };
        assert!(join(waits, watches).await.0.is_ok());
    }
}
