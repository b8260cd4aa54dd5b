//! What throttles a run, and which items are in flight.

use super::Snapshot;
use crate::model::{Event, Throttle, UnixMillis};

/// Whether a service is down.
fn is_down(throttles: &[Throttle]) -> bool {
    throttles.iter().any(|throttle| throttle.limit == 0)
}

impl Snapshot {
    /// Whether work waits for a service that is down.
    #[must_use]
    pub fn waits(&self) -> bool {
        is_down(&self.throttles)
    }

    /// Counts items in flight: those that have a slot, so never more than there are slots.
    pub(super) fn moved(&mut self, event: &Event) {
        match event {
            Event::ItemStarted { .. } => self.in_flight += 1,
            Event::ItemRetried { unit, item, .. } => {
                self.retries += 1;
                self.in_flight = self.in_flight.saturating_sub(1);
                self.retrying.insert(unit, item);
            }
            Event::ItemResumed { unit, item } => {
                self.retrying.remove(unit, item);
                self.in_flight += 1;
            }
            Event::ItemDropped { unit, item } | Event::ItemSettled { unit, item, .. }
                if !self.retrying.remove(unit, item) =>
            {
                self.in_flight = self.in_flight.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// Records what throttles the run from `now` on. When that changes, the rate is measured from the start, because
    /// the old rate no longer applies.
    pub(super) fn held(&mut self, event: &Event, now: UnixMillis) {
        let before = (self.paused.is_some(), self.waits(), self.limits.clone());
        match event {
            Event::Throttled { throttles } => self.throttles.clone_from(throttles),
            Event::Paused { reason } => self.paused = Some(reason.clone()),
            Event::Resumed => self.paused = None,
            Event::Limited { limits } => self.limits.clone_from(limits),
            _ => {}
        }
        if before != (self.paused.is_some(), self.waits(), self.limits.clone()) {
            self.steady_since = now;
            self.rate.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Failure, ItemId, Reason, UnitId};

    fn of_item(name: &str) -> (UnitId, ItemId) {
        (UnitId::new("owner", "unit"), ItemId::new(name))
    }

    fn started(name: &str) -> Event {
        let (unit, item) = of_item(name);
        Event::ItemStarted { unit, item }
    }

    #[test]
    fn an_item_between_two_attempts_is_not_in_flight() {
        let mut seen = Snapshot::default();
        let (unit, item) = of_item("a");
        seen.fold(&started("a"), UnixMillis(1));
        let retried = Event::ItemRetried {
            unit: unit.clone(),
            item: item.clone(),
            attempts: 1,
            failure: Failure::transient(Reason::TIMEOUT, "no answer"),
        };
        seen.fold(&retried, UnixMillis(2));
        seen.fold(&started("b"), UnixMillis(3));
        assert_eq!((seen.in_flight, seen.retrying.len()), (1, 1));
        let resumed = Event::ItemResumed {
            unit: unit.clone(),
            item: item.clone(),
        };
        seen.fold(&resumed, UnixMillis(4));
        assert_eq!((seen.in_flight, seen.retrying.len()), (2, 0));
        // It is dropped while it waits: what is in flight stays.
        seen.fold(&retried, UnixMillis(5));
        seen.fold(&Event::ItemDropped { unit, item }, UnixMillis(6));
        assert_eq!((seen.in_flight, seen.retrying.len()), (1, 0));
    }

    #[test]
    fn the_rate_is_measured_again_when_what_holds_the_run_back_changes() {
        let mut seen = Snapshot::default();
        for second in 0..60 {
            seen.rate.count(UnixMillis(second * 1_000));
        }
        assert!(seen.items_per_minute(UnixMillis(60_000)) > 50.0);
        let reason = "paused by ann".to_owned();
        seen.fold(&Event::Paused { reason }, UnixMillis(60_000));
        assert!(seen.items_per_minute(UnixMillis(61_000)) < f64::EPSILON);
        seen.fold(&Event::Resumed, UnixMillis(600_000));
        for second in 0..30 {
            seen.rate.count(UnixMillis(600_000 + second * 1_000));
        }
        // 30 in 30 seconds, whatever the pause was.
        let rate = seen.items_per_minute(UnixMillis(630_000));
        assert!((rate - 60.0).abs() < 3.0, "{rate}");
        let down = |limit| Event::Throttled {
            throttles: vec![Throttle {
                dependency: "carpark".into(),
                limit,
                reason: "503".into(),
                retry_seconds: None,
            }],
        };
        seen.fold(&down(5), UnixMillis(630_000));
        assert!(
            seen.items_per_minute(UnixMillis(630_000)) > 50.0,
            "slower, not down"
        );
        seen.fold(&down(0), UnixMillis(631_000));
        assert!(seen.waits() && seen.items_per_minute(UnixMillis(640_000)) < f64::EPSILON);
    }
}
