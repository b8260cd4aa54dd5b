//! `Range` headers with one range.

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// All bytes: no range, several, or one that is no range of bytes.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that are not there.
    Unsatisfiable,
}

/// Reads the `Range` header of a request for something of `size` bytes.
pub(crate) fn asked(headers: &HeaderMap, size: u64) -> Asked {
    headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok())
        .map_or(Asked::Whole, |text| parse(text, size))
}

fn parse(text: &str, size: u64) -> Asked {
    let Some((first, last)) = text
        .strip_prefix("bytes=")
        .and_then(|range| range.trim().split_once('-'))
    else {
        return Asked::Whole;
    };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(count)) if first.is_empty() => size.saturating_sub(count)..size,
        _ => return Asked::Whole,
    };
    if range.start < range.end {
        Asked::Part(range)
    } else {
        Asked::Unsatisfiable
    }
}

/// The `Content-Range` of an answer.
pub(crate) fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_cut_to_the_size_and_others_are_passed_over() {
        assert_eq!(parse("bytes=0-4", 10), Asked::Part(0..5));
        assert_eq!(parse("bytes=8-40", 10), Asked::Part(8..10));
        assert_eq!(parse("bytes=3-", 10), Asked::Part(3..10));
        assert_eq!(parse("bytes=-4", 10), Asked::Part(6..10));
        assert_eq!(parse("bytes=-40", 10), Asked::Part(0..10));
        assert_eq!(parse("bytes=10-", 10), Asked::Unsatisfiable);
        assert_eq!(parse("bytes=-0", 10), Asked::Unsatisfiable);
        for odd in [
            "bytes=0-1,3-4",
            "items=0-1",
            "bytes=a-b",
            "bytes=5-4",
            "bytes=-",
            "",
            "bytes=0-18446744073709551615 ",
        ] {
            assert!(
                matches!(parse(odd, 10), Asked::Whole | Asked::Part(_)),
                "{odd}"
            );
        }
    }
}
