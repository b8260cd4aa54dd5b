//! How a bound grows back after congestion.

use std::time::Duration;

/// After this time of good answers a bound is back at the point of congestion. It stays near there for a while, then
/// grows faster.
const BACK_AT: Duration = Duration::from_secs(10);

/// After this time of good answers the bound is lifted.
const WELL_AT: Duration = Duration::from_secs(30);

/// The most time that one good answer counts for. Without answers a bound does not change.
const LONGEST_STEP: Duration = Duration::from_secs(1);

/// A cubic curve that starts at half of the point of congestion and is flat around it. The bound stays near what the
/// service can bear most of the time, and finds out in the end whether it can bear more.
#[derive(Debug, Clone, Copy)]
pub(super) struct CubicWindow {
    congested_at: f64,
    age: Duration,
}

impl CubicWindow {
    /// The curve of a bound that was too high at `congested_at`.
    pub(super) fn new(congested_at: f64) -> Self {
        Self {
            congested_at,
            age: Duration::ZERO,
        }
    }

    /// The bound now.
    pub(super) fn bound(&self) -> f64 {
        let way = self.age.as_secs_f64() / BACK_AT.as_secs_f64() - 1.0;
        self.congested_at * (1.0 + 0.5 * way.powi(3))
    }

    /// Records a good answer that came `since` after the one before.
    pub(super) fn good(&mut self, since: Duration) {
        self.age += since.min(LONGEST_STEP);
    }

    /// Whether the service has answered well for so long that it needs no bound.
    pub(super) fn is_over(&self) -> bool {
        self.age >= WELL_AT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_grows_back_lingers_and_goes_on() {
        let mut window = CubicWindow::new(200.0);
        let mut bounds = Vec::new();
        for _ in 0..=15 {
            bounds.push(window.bound());
            window.good(LONGEST_STEP);
        }
        assert!((bounds[0] - 100.0).abs() < 1e-9);
        assert!((bounds[10] - 200.0).abs() < 1e-9);
        assert!(bounds[5] > 185.0 && bounds[12] < 201.0 && bounds[15] > 212.0);
        let mean = bounds[..12].iter().sum::<f64>() / 12.0;
        assert!(mean > 0.87 * 200.0, "{mean}");
    }

    #[test]
    fn stands_still_without_signals() {
        let mut window = CubicWindow::new(200.0);
        window.good(Duration::from_hours(1));
        assert!(window.bound() < 130.0 && !window.is_over());
    }
}
