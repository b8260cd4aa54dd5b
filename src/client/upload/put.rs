//! Sending the bytes of a blob to the storage node.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};

use super::UploadClient;
use super::effects::Address;
use crate::client::http;
use crate::client::{Cause, ClientError, Dependency};

const PUT: &str = "send a blob";
/// Headers that a storage node may have sent along: those that say what the bytes are, to itself or to a bucket whose
/// address it signed. Whoever signs them cannot do without any.
const HEADERS: [&str; 16] = [
    "cache-control",
    "content-disposition",
    "content-md5",
    "content-type",
    "digest",
    "if-none-match",
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token",
    "x-amz-server-side-encryption",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-goog-content-length-range",
    "x-ms-blob-type",
];
/// Beginnings of others.
const FAMILIES: [&str; 2] = ["x-amz-checksum-", "x-amz-meta-"];

impl UploadClient {
    /// Puts the bytes where the node wants them, with the headers that it asked for.
    pub(super) async fn put(&self, address: &Address, bytes: &Bytes) -> Result<(), ClientError> {
        let refused = |cause: Cause| cause.at(Dependency::StorageNode, PUT);
        let headers = headers(&address.headers, bytes.len()).map_err(refused)?;
        let attempt = || async {
            let put = self.http.request_named(Method::PUT, address.url.clone())?;
            let put = put.headers(headers.clone()).body(bytes.clone());
            http::check(self.http.send(put).await?).await?;
            Ok(())
        };
        let deadline = self.calls.limits().call * 4;
        let sent = self
            .calls
            .run_within(deadline, Dependency::StorageNode, PUT, attempt);
        sent.await.map_err(|error| match error.cause {
            Cause::Address(text) => refused(Cause::Address(format!(
                "{text}; if it is right, name its origin in STORAGE_NODE_UPLOAD_URLS"
            ))),
            _ => error,
        })
    }
}

/// The headers to send. The length is the client's own to say; it must be the one that the node expects.
fn headers(wanted: &HeaderMap, length: usize) -> Result<HeaderMap, Cause> {
    let refused = |text: String| Err(Cause::Address(text));
    let mut headers = HeaderMap::new();
    for (name, value) in wanted {
        if name == CONTENT_LENGTH {
            if !says(value, length) {
                return refused(format!(
                    "the node expects another length than {length} bytes"
                ));
            }
        } else if is_allowed(name) {
            headers.insert(name, value.clone());
        } else {
            return refused(format!("the node asks for the header {name}"));
        }
    }
    Ok(headers)
}

fn says(value: &HeaderValue, length: usize) -> bool {
    value.to_str().is_ok_and(|text| text.parse() == Ok(length))
}

fn is_allowed(name: &HeaderName) -> bool {
    let name = name.as_str();
    HEADERS.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = all.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    #[test]
    fn a_node_has_only_headers_sent_that_say_what_the_bytes_are() {
        let wanted = of(&[
            ("content-length", "5"),
            ("content-type", "application/vnd.ipld.car"),
            ("x-amz-checksum-sha256", "abc="),
        ]);
        let sent = headers(&wanted, 5).unwrap();
        assert_eq!(sent.len(), 2);
        assert!(!sent.contains_key(CONTENT_LENGTH));
        for (name, value) in [
            ("content-length", "6"),
            ("content-length", "5, 5"),
            ("host", "169.254.169.254"),
            ("authorization", "Bearer x"),
            ("connection", "upgrade"),
            ("cookie", "session=1"),
            ("expect", "100-continue"),
            ("transfer-encoding", "chunked"),
            ("metadata-flavor", "Google"),
            ("x-amz-copy-source", "/bucket/key"),
            ("x-aws-ec2-metadata-token", "x"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-http-method-override", "DELETE"),
        ] {
            let refused = headers(&of(&[(name, value)]), 5);
            assert!(matches!(refused, Err(Cause::Address(_))), "{name}");
        }
    }
}
