//! Sizes as a person reads them.

/// So many bytes: `1.5 KiB`.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "a size is shown with one decimal"
)]
pub fn readable(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        assert_eq!(readable(7), "7 B");
        assert_eq!(readable(1536), "1.5 KiB");
        assert_eq!(readable(40 << 20), "40.0 MiB");
    }
}
