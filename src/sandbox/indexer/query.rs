//! `GET /claims`: parameters in, a query result out (docs/protocol/claims.md §3, §4).

use std::io::Write as _;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::record::Kind;
use super::state::Indexer;
use super::walk::walk;
use crate::proto::Did;
use crate::proto::multihash::Multihash;
use crate::proto::query::{Form, NoIndexes, Place, encode};
use crate::sandbox::ucan_server::plain;

/// As the indexing service writes: no empty map of indexes, the root block last.
const FORM: Form = Form {
    no_indexes: NoIndexes::Absent,
    root: Place::Last,
};

#[derive(Debug, PartialEq, Eq)]
struct Query {
    digests: Vec<Multihash>,
    spaces: Vec<Did>,
    kinds: Vec<Kind>,
}

/// Answers a query.
pub(super) async fn answer(indexer: &Indexer, query: &str, headers: &HeaderMap) -> Response<Body> {
    let query = match parse(query) {
        Ok(query) => query,
        Err(reason) => return plain(StatusCode::BAD_REQUEST, &reason),
    };
    match walk(indexer, query.digests, &query.kinds, &query.spaces).await {
        Ok(result) => body(encode(&result, FORM), headers),
        Err(reason) => plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("processing query: {reason}"),
        ),
    }
}

fn parse(query: &str) -> Result<Query, String> {
    let mut parsed = Query {
        digests: Vec::new(),
        spaces: Vec::new(),
        kinds: Kind::ALL.to_vec(),
    };
    let mut kinds: Option<String> = None;
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "multihash" => parsed.digests.push(
                Multihash::parse(&value)
                    .map_err(|error| format!("invalid multibase encoding: {error}"))?,
            ),
            "spaces" => parsed
                .spaces
                .push(Did::parse(&value).map_err(|error| format!("invalid did: {error}"))?),
            "type" if kinds.is_some() => {
                return Err("only one 'type' parameter is allowed".to_owned());
            }
            "type" => kinds = Some(value.into_owned()),
            _ => {}
        }
    }
    if parsed.digests.is_empty() {
        return Err("missing digests".to_owned());
    }
    match kinds.as_deref() {
        None | Some("standard") => {}
        Some("standard_compressed") if parsed.digests.len() == 1 => {}
        Some("standard_compressed") => {
            return Err("'standard_compressed' takes exactly one digest".to_owned());
        }
        Some("index_or_location") => parsed.kinds = vec![Kind::Index, Kind::Location],
        Some("location") => parsed.kinds = vec![Kind::Location],
        Some(other) => return Err(format!("invalid query type: {other}")),
    }
    Ok(parsed)
}

fn body(bytes: Vec<u8>, headers: &HeaderMap) -> Response<Body> {
    let mut accepted = headers.get_all(header::ACCEPT_ENCODING).iter();
    if !accepted.any(|value| value.to_str().is_ok_and(|value| value.contains("gzip"))) {
        return Response::new(Body::from(bytes));
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    match gzip.write_all(&bytes).and_then(|()| gzip.finish()) {
        Ok(body) => {
            let mut answer = Response::new(Body::from(body));
            answer
                .headers_mut()
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            answer
        }
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "zQmXiAc3GRk7zWc5xn6ecFtKmL6da2i8JXE99KrZFzG7ZUe";

    #[test]
    fn parameters_are_repeated_and_refused_in_words() {
        let space = "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX";
        let query = parse(&format!(
            "multihash={HASH}&multihash={HASH}&spaces={space}&type=location"
        ))
        .unwrap();
        assert_eq!(
            (query.digests.len(), query.spaces.len(), query.kinds),
            (2, 1, vec![Kind::Location])
        );
        let refused = |text: &str| parse(text).unwrap_err();
        assert_eq!(refused("type=standard"), "missing digests");
        assert!(refused("multihash=!").starts_with("invalid multibase encoding: "));
        assert!(refused(&format!("multihash={HASH}&spaces=x")).starts_with("invalid did: "));
        assert!(refused(&format!("multihash={HASH}&type=x")).contains("type"));
        assert!(refused(&format!("multihash={HASH}&type=standard&type=standard")).contains("type"));
        assert!(
            refused(&format!(
                "multihash={HASH}&multihash={HASH}&type=standard_compressed"
            ))
            .contains("one")
        );
    }
}
