//! What servers answer to "the rest of this object from here", on any dialect (RFC 9110 §13 to §15).

use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode};

/// What an answer brings.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// The bytes from an offset on, at or before the one that was asked for.
    From(u64),
    /// Nothing: the object ends where the rest was to begin.
    Nothing,
    /// Something else, in words.
    Other(String),
}

/// How an object was seen before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    /// Bytes that were read.
    pub(super) at: u64,
    /// Its length, if the server said it.
    pub(super) length: Option<u64>,
}

/// A validator with which a condition can hold: one that is weak, or is not quoted, never compares as equal in
/// `If-Match` (RFC 9110 §13.1.1).
pub(super) fn strong(headers: &HeaderMap) -> Option<HeaderValue> {
    let etag = headers.get(header::ETAG)?;
    let text = etag.to_str().ok()?;
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('"')).then(|| etag.clone())
}

/// Whether the body is the object itself, and not packed by somebody on the way.
pub(super) fn is_plain(headers: &HeaderMap) -> bool {
    let encoding = headers.get(header::CONTENT_ENCODING);
    encoding.is_none_or(|name| name.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Length of the body of an answer, if that is the object itself.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    let length = length.to_str().ok()?.parse().ok()?;
    is_plain(headers).then_some(length)
}

/// `bytes 5-9/10` or `bytes */10`: where it begins, and how long the whole is.
fn content_range(headers: &HeaderMap) -> Option<(Option<u64>, Option<u64>)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, whole) = text.trim().strip_prefix("bytes")?.trim().split_once('/')?;
    let first = range
        .split_once('-')
        .and_then(|(first, _)| first.parse().ok());
    Some((first, whole.parse().ok()))
}

/// Length of the whole object, by the range that came.
pub(super) fn whole(headers: &HeaderMap) -> Option<u64> {
    content_range(headers).and_then(|(_, whole)| whole)
}

/// Reads an answer's status and headers.
pub(super) fn of(response: &Response, before: Before) -> Rest {
    judge(response.status(), response.headers(), before)
}

fn judge(status: StatusCode, headers: &HeaderMap, Before { at, length: before }: Before) -> Rest {
    let (first, whole) = content_range(headers).unwrap_or_default();
    if status == StatusCode::RANGE_NOT_SATISFIABLE {
        return if whole == Some(at) {
            Rest::Nothing
        } else {
            Rest::Other(format!("no bytes from {at} on"))
        };
    }
    if !is_plain(headers) {
        return Rest::Other("a packed body".to_owned());
    }
    let sent = length(headers);
    let (first, now) = if status == StatusCode::PARTIAL_CONTENT {
        // Without a range, the length tells which of the two it can be.
        let all = before.filter(|before| sent == Some(*before)).map(|_| 0);
        let rest = before.filter(|before| sent == before.checked_sub(at));
        (first.or(rest.map(|_| at)).or(all), whole)
    } else {
        // A server that knows no ranges sends the whole.
        (Some(0), sent)
    };
    if let (Some(before), Some(now)) = (before, now)
        && before != now
    {
        return Rest::Other(format!("an object of {now} bytes, which had {before}"));
    }
    match first {
        Some(first) if first <= at => Rest::From(first),
        Some(first) => Rest::Other(format!("the bytes from {first} on, instead of {at}")),
        None => Rest::Other("a part that does not say where it begins".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            let value = HeaderValue::from_str(value).unwrap();
            (header::HeaderName::from_static(name), value)
        };
        all.iter().map(pair).collect()
    }

    #[test]
    fn only_a_validator_that_can_compare_as_equal_makes_a_condition() {
        for (etag, holds) in [
            ("\"abc\"", true),
            ("\"\"", true),
            ("W/\"abc\"", false),
            ("w/\"abc\"", false),
            ("abc", false),
            ("\"abc", false),
            ("\"", false),
            ("\"a\"b\"", false),
        ] {
            assert_eq!(
                strong(&headers(&[("etag", etag)])).is_some(),
                holds,
                "{etag}"
            );
        }
        assert_eq!(strong(&HeaderMap::new()), None);
    }

    #[test]
    fn any_dialect_of_the_rest_is_understood() {
        use Rest::{From, Nothing};
        let known = Before {
            at: 6,
            length: Some(10),
        };
        let unknown = Before {
            length: None,
            ..known
        };
        for (status, all, before, wanted) in [
            // As asked.
            (
                206,
                &[("content-range", "bytes 6-9/10")][..],
                known,
                From(6),
            ),
            (206, &[("content-range", "bytes 6-9/*")], known, From(6)),
            (
                206,
                &[("content-range", "bytes  6-9/10 ")],
                unknown,
                From(6),
            ),
            // Widened on the way.
            (206, &[("content-range", "bytes 4-9/10")], known, From(4)),
            // The range was dropped on the way, the length tells.
            (206, &[("content-length", "4")], known, From(6)),
            (206, &[("content-length", "10")], known, From(0)),
            // No ranges at all.
            (200, &[("content-length", "10")], known, From(0)),
            (200, &[], known, From(0)),
            (200, &[("content-length", "10")], unknown, From(0)),
            // It had been read to its end.
            (416, &[("content-range", "bytes */6")], unknown, Nothing),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(
                judge(status, &headers(all), before),
                wanted,
                "{status} {all:?}"
            );
        }
        for (status, all, before) in [
            (206, &[("content-range", "bytes 7-9/10")][..], known),
            (206, &[("content-range", "bytes 6-11/12")], known),
            (206, &[], known),
            (206, &[("content-length", "4")], unknown),
            (200, &[("content-length", "12")], known),
            (200, &[("content-encoding", "gzip")], known),
            (416, &[("content-range", "bytes */10")], known),
            (416, &[], unknown),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let judged = judge(status, &headers(all), before);
            assert!(
                matches!(judged, Rest::Other(_)),
                "{status} {all:?} {judged:?}"
            );
        }
    }
}
