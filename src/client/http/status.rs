//! What a status means.

use std::time::Duration;

use reqwest::{Response, StatusCode, header};

use super::body::read;
use crate::client::Cause;
use crate::client::error::excerpt;

/// Longest text of an error answer that is read.
const LONGEST_MESSAGE: usize = 4096;

/// Passes answers of the 2xx range, classifies all others by their status and never by their text.
pub(crate) async fn check(response: Response) -> Result<Response, Cause> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let retry_after = retry_after(&response);
    if status == StatusCode::NOT_FOUND {
        return Err(Cause::Missing);
    }
    let message = match read(response, LONGEST_MESSAGE).await {
        Ok(body) => excerpt(&String::from_utf8_lossy(&body)),
        Err(cause) => cause.to_string(),
    };
    Err(classify(status.as_u16(), message, retry_after))
}

fn classify(status: u16, message: String, retry_after: Option<Duration>) -> Cause {
    match status {
        404 => Cause::Missing,
        408 => Cause::Timeout,
        429 => Cause::Throttled { retry_after },
        500.. => Cause::Unavailable {
            status,
            message,
            retry_after,
        },
        _ => Cause::Refused { status, message },
    }
}

/// Seconds of `Retry-After`; the date form is not used by the services here.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?;
    seconds(value.to_str().ok()?)
}

/// A header's whole number of seconds.
fn seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_go_by_number_and_never_by_text() {
        let text = || "status: 500".to_owned();
        assert_eq!(classify(404, text(), None), Cause::Missing);
        assert_eq!(
            classify(400, text(), None),
            Cause::Refused {
                status: 400,
                message: text()
            }
        );
        assert!(!classify(403, text(), None).is_transient());
        let pause = Some(Duration::from_secs(7));
        assert_eq!(classify(429, text(), pause).retry_after(), pause);
        assert_eq!(classify(503, text(), pause).retry_after(), pause);
        assert!((500..600).all(|status| classify(status, text(), None).is_transient()));
    }
}
