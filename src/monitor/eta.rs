//! How long it will take, as a range.

use serde::Serialize;

/// Between two times, because rates move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Eta {
    /// If it goes a quarter faster than lately.
    pub from_seconds: u64,
    /// If it goes a third slower than lately.
    pub to_seconds: u64,
}

/// The time for `left` items at the rate of late; `None` when nothing moves or nothing is left.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate; the conversion saturates"
)]
pub fn eta(left: u64, items_per_minute: f64) -> Option<Eta> {
    if left == 0 || items_per_minute <= 0.0 {
        return None;
    }
    let seconds = left as f64 * 60.0 / items_per_minute;
    Some(Eta {
        from_seconds: (seconds / 1.25).ceil() as u64,
        to_seconds: (seconds * 1.5).ceil() as u64,
    })
}

impl std::fmt::Display for Eta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (from, to) = (span(self.from_seconds), span(self.to_seconds));
        if from == to {
            f.write_str(&to)
        } else {
            write!(f, "{from} to {to}")
        }
    }
}

/// A time in its largest two units: `45 s`, `12 min`, `3 h 20 min`, `2 d 5 h`.
#[must_use]
pub fn span(seconds: u64) -> String {
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    };
    match seconds {
        0..=89 => format!("{seconds} s"),
        90..=3_569 => format!("{} min", seconds.div_ceil(60)),
        3_570..=172_799 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_given_only_where_something_moves() {
        assert_eq!(eta(0, 10.0), None);
        assert_eq!(eta(10, 0.0), None);
        assert_eq!(eta(600, 60.0).unwrap().to_string(), "8 min to 15 min");
        assert_eq!(eta(1, 6_000.0).unwrap().to_string(), "1 s");
    }

    #[test]
    fn spans_are_readable() {
        let spans = [
            (5, "5 s"),
            (100, "2 min"),
            (7_200, "2 h"),
            (12_000, "3 h 20 min"),
            (190_800, "2 d 5 h"),
        ];
        for (seconds, text) in spans {
            assert_eq!(span(seconds), text);
        }
    }
}
