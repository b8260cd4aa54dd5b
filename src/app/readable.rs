//! Sizes as a person reads them.

/// The units above the byte.
const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// So many bytes, to a tenth of their unit: `1.5 KiB`.
#[must_use]
pub fn readable(bytes: u64) -> String {
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let mut above = 0;
    while above + 1 < UNITS.len() && bytes >> (10 * (above + 2)) > 0 {
        above += 1;
    }
    let tenths = (u128::from(bytes) * 10 + (1 << (10 * above + 9))) >> (10 * (above + 1));
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[above])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        assert_eq!(readable(7), "7 B");
        assert_eq!(readable(1536), "1.5 KiB");
        assert_eq!(readable(40 << 20), "40.0 MiB");
        assert_eq!(readable(5 << 29), "2.5 GiB");
        assert_eq!(readable(u64::MAX), "16.0 EiB");
    }
}
