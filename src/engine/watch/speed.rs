//! Whether a run became much slower without a known reason.

use std::time::Duration;

use crate::model::{Level, Snapshot, UnixMillis, Warning};

/// The time a run must last before its speed is judged.
const FLOOR: Duration = Duration::from_mins(10);

/// The time since the throttles changed.
const STEADY: Duration = Duration::from_mins(2);

/// A run is slow below this share of its own average.
const SHARE: f64 = 0.2;

/// The warning about the speed at `now`, if it is slow.
#[expect(
    clippy::cast_precision_loss,
    reason = "a rate is compared, not counted"
)]
pub(crate) fn check(seen: &Snapshot, now: UnixMillis) -> Option<Warning> {
    let gone = now.since(seen.started_at);
    let here = seen.counts.settled().saturating_sub(seen.settled_before) + seen.verdicts.total();
    let steady = now.since(seen.steady_since);
    let held = !seen.throttles.is_empty() || seen.limits.rate.is_some();
    if gone < FLOOR || steady < STEADY || seen.in_flight == 0 || held {
        return None;
    }
    let average = here as f64 * 60.0 / gone.as_secs_f64();
    let lately = seen.items_per_minute(now);
    (lately < average * SHARE).then(|| Warning {
        level: Level::Warning,
        what: format!(
            "less than {:.0} % of this run's average speed, {average:.0} items a minute",
            SHARE * 100.0
        ),
        action: "check with `sterna monitor` what is in flight and what the services report"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Counts;

    #[test]
    fn a_run_is_slow_by_its_own_measure_and_only_when_nothing_explains_it() {
        let mut seen = Snapshot {
            in_flight: 4,
            counts: Counts {
                done: 20_000,
                ..Counts::planned(40_000)
            },
            settled_before: 10_000,
            ..Snapshot::default()
        };
        let now = UnixMillis::ZERO + Duration::from_mins(20);
        // 500 a minute on average, 90 lately.
        for number in 0..180 {
            seen.rate.count(UnixMillis(now.0 - 110_000 + number * 500));
        }
        assert!(
            check(&seen, now)
                .unwrap()
                .what
                .contains("500 items a minute")
        );
        assert_eq!(check(&seen, UnixMillis(9 * 60_000)), None, "too early");
        for number in 0..100 {
            seen.rate.count(UnixMillis(now.0 - 20_000 + number * 10));
        }
        assert_eq!(check(&seen, now), None, "fast enough");
    }
}
