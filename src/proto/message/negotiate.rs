//! What a service of messages takes and gives over HTTP (docs/protocol/transport.md §2).

/// Content type of requests and replies.
pub const CONTENT_TYPE: &str = "application/vnd.ipld.car";

/// Why a request is turned away before its body is read. The answer carries the header `accept: CONTENT_TYPE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The body is said to be something else, or nothing is said.
    #[error(
        "The server cannot process the request because the payload format is not supported. Please check the \
         content-type header and try again with a supported media type."
    )]
    ContentType,
    /// The sender takes no messages in reply.
    #[error(
        "The requested resource cannot be served in the requested content type. Please specify a supported content \
         type using the Accept header."
    )]
    Accept,
}

impl Refused {
    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::ContentType => 415,
            Self::Accept => 406,
        }
    }
}

/// Decides by the headers `content-type` and `accept` whether a request can be answered with a message. The content
/// type must be exact, parameters included; no `accept`, or an empty one, takes anything.
///
/// # Errors
/// The content type is another one, or no type that is accepted is that of a message.
pub fn negotiate(content_type: Option<&str>, accept: Option<&str>) -> Result<(), Refused> {
    if content_type != Some(CONTENT_TYPE) {
        return Err(Refused::ContentType);
    }
    let takes = |part: &str| ["", "*/*", "application/*", CONTENT_TYPE].contains(&media(part));
    if accept.is_none_or(|accept| accept.split(',').any(takes)) {
        Ok(())
    } else {
        Err(Refused::Accept)
    }
}

/// A media type without its parameters.
fn media(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}
