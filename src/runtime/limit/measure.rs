//! Measures a service: good answers per second, and whether answers became slow.

use std::time::Duration;

use crate::runtime::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// Answers are slow if they take this many times as long as usual …
const SLOW_TIMES: f64 = 3.0;

/// … and at least this much longer.
const SLOW_MORE: Duration = Duration::from_millis(100);

/// Answers that are needed before any can be called slow.
const FLOOR: u32 = 64;

/// Good answers of the last second.
#[derive(Debug)]
pub(super) struct Throughput {
    since: Instant,
    now: u32,
    /// Those of the second before; `None` if no call was made then.
    before: Option<u32>,
}

impl Throughput {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            now: 0,
            before: None,
        }
    }

    /// Counts a good answer.
    pub(super) fn good(&mut self, now: Instant) {
        self.turn(now);
        self.now += 1;
    }

    /// Answers per second: those of this second, and the part of the last one that is less than a second ago. `None`
    /// before a whole second was measured.
    pub(super) fn per_second(&mut self, now: Instant) -> Option<f64> {
        self.turn(now);
        let gone = (now - self.since).as_secs_f64();
        Some(f64::from(self.now) + f64::from(self.before?) * (1.0 - gone))
    }

    fn turn(&mut self, now: Instant) {
        let gone = now - self.since;
        if gone < SECOND {
            return;
        }
        self.before = (gone < 2 * SECOND).then_some(self.now);
        self.now = 0;
        self.since += SECOND * u32::try_from(gone.as_secs()).unwrap_or(u32::MAX);
    }
}

/// How long answers take, recently and usually.
#[derive(Debug, Default)]
pub(super) struct Latency {
    lately: f64,
    usually: f64,
    answers: u32,
}

impl Latency {
    /// Counts an answer. Returns both times if answers became slow, and then starts over.
    pub(super) fn answer(&mut self, took: Duration) -> Option<(Duration, Duration)> {
        let took = took.as_secs_f64();
        if self.answers == 0 {
            (self.lately, self.usually) = (took, took);
        }
        self.answers = self.answers.saturating_add(1);
        self.lately += (took - self.lately) / 16.0;
        self.usually += (took - self.usually) / 256.0;
        let slow = self.lately > self.usually * SLOW_TIMES
            && self.lately > self.usually + SLOW_MORE.as_secs_f64();
        if self.answers < FLOOR || !slow {
            return None;
        }
        let times = [self.lately, self.usually].map(Duration::from_secs_f64);
        *self = Self::default();
        Some(times.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn counts_the_answers_of_the_last_second() {
        let mut seen = Throughput::new(Instant::now());
        for _ in 0..300 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            seen.good(Instant::now());
        }
        let rate = seen.per_second(Instant::now()).unwrap();
        assert!((195.0..=205.0).contains(&rate), "{rate}");
        tokio::time::sleep(3 * SECOND).await;
        assert_eq!(seen.per_second(Instant::now()), None);
    }

    #[test]
    fn tells_slow_answers_from_answers_that_always_took_long() {
        let mut seen = Latency::default();
        let long = Duration::from_secs(2);
        assert!((0..1_000).all(|_| seen.answer(long).is_none()));
        let mut seen = Latency::default();
        let short = Duration::from_millis(50);
        assert!((0..500).all(|_| seen.answer(short).is_none()));
        let told = (0..100).find_map(|_| seen.answer(10 * short)).unwrap();
        assert!(told.0 > 3 * told.1, "{told:?}");
    }
}
