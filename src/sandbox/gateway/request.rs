//! What a retrieval asks for, from its URL and headers.

use axum::http::{HeaderMap, Uri, header};
use cid::Cid;

use crate::proto::did::percent_decode;

/// A retrieval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The root.
    pub(super) root: Cid,
    /// Names of directories and the file in them.
    pub(super) path: Vec<String>,
    /// The form of the answer.
    pub(super) format: Format,
    /// The client's token.
    pub(super) token: Option<String>,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Files and directories.
    Content,
    /// One block.
    Raw,
    /// A CAR.
    Car,
}

/// Why a request is no retrieval: the text of the answer 400.
pub(super) type Malformed = String;

/// Reads `/ipfs/{cid}/path`, or `/path` at the host `{cid}.ipfs.host`.
pub(super) fn read(uri: &Uri, headers: &HeaderMap) -> Result<Wanted, Malformed> {
    let segments = uri.path().split('/').filter(|segment| !segment.is_empty());
    let mut path: Vec<String> = segments
        .map(percent_decode)
        .collect::<Option<_>>()
        .ok_or("invalid path")?;
    let root = match host_cid(headers) {
        Some(cid) => cid,
        None => path_cid(&mut path)?,
    };
    let root = root.parse().map_err(|_| format!("invalid CID: {root}"))?;
    Ok(Wanted {
        root,
        path,
        format: format(uri, headers)?,
        token: token(uri, headers),
    })
}

/// Takes protocol and root off the front of a path.
fn path_cid(path: &mut Vec<String>) -> Result<String, Malformed> {
    if path.is_empty() {
        return Err("missing CID".to_owned());
    }
    let protocol = path.remove(0);
    if protocol != "ipfs" {
        return Err(format!("unsupported protocol: {protocol}"));
    }
    if path.is_empty() {
        return Ok(String::new());
    }
    Ok(path.remove(0))
}

/// The first label of a host of the form `{cid}.ipfs.…`, also `{cid}.ipfs-staging.…`.
fn host_cid(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let mut labels = host.split('.');
    let cid = labels.next()?;
    let next = labels.next()?;
    (next == "ipfs" || next.starts_with("ipfs-")).then(|| cid.to_owned())
}

fn format(uri: &Uri, headers: &HeaderMap) -> Result<Format, Malformed> {
    match parameter(uri, "format").as_deref() {
        Some("raw") => return Ok(Format::Raw),
        Some("car") => return Ok(Format::Car),
        Some(other) => return Err(format!("unsupported format: {other}")),
        None => {}
    }
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    Ok(match accept {
        accept if accept.contains("application/vnd.ipld.raw") => Format::Raw,
        accept if accept.contains("application/vnd.ipld.car") => Format::Car,
        _ => Format::Content,
    })
}

fn token(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let bearer = || {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        value.strip_prefix("Bearer ").map(str::to_owned)
    };
    parameter(uri, "authToken").or_else(bearer)
}

fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let query = uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const CID: &str = "bafkreibkclesebwsjthytrgykldoss5g4zp6us3txbpekcs3ir3cceh6uq";

    fn at(host: &'static str, uri: &str) -> Result<Wanted, Malformed> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        read(&uri.parse().unwrap(), &headers)
    }

    #[test]
    fn both_forms_of_url_name_the_same() {
        let path = at(
            "127.0.0.1:80",
            &format!("/ipfs/{CID}/a%20b/c.txt?authToken=t"),
        )
        .unwrap();
        assert_eq!(
            (path.root.to_string().as_str(), path.token.as_deref()),
            (CID, Some("t"))
        );
        assert_eq!(path.path, ["a b", "c.txt"]);
        let host = at(
            "bafkreibkclesebwsjthytrgykldoss5g4zp6us3txbpekcs3ir3cceh6uq.ipfs.w3s.link",
            "/a%20b/c.txt",
        );
        assert_eq!(
            host.map(|host| (host.root, host.path)),
            Ok((path.root, path.path))
        );
    }

    #[test]
    fn what_is_no_retrieval_is_answered_in_words() {
        assert_eq!(
            at("x", "/ipns/example.net"),
            Err("unsupported protocol: ipns".to_owned())
        );
        assert_eq!(at("x", "/ipfs/nope"), Err("invalid CID: nope".to_owned()));
        assert!(at("x", "/").is_err());
        assert!(at("x", &format!("/ipfs/{CID}?format=tar")).is_err());
    }
}
