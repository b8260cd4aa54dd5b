//! The blob URLs: where clients put, and everyone gets.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::StreamExt as _;

use super::allocate::group;
use super::state::Node;
use crate::proto::multihash::{Multihash, SHA2_256};
use crate::sandbox::blob::{Blob, key_of};
use crate::sandbox::carpark;
use crate::sandbox::layout::bucket;
use crate::sandbox::s3::{ObjectError, PutOptions};
use crate::sandbox::ucan_server::plain;

/// `PUT`: takes the bytes of an allocated blob, if they have its length and its hash.
pub(super) async fn put(
    State(node): State<Arc<Node>>,
    Path((digest, file)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let Some(digest) = digest_of(&digest, &file) else {
        return plain(StatusCode::NOT_FOUND, "not a blob");
    };
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let Some(size) = length else {
        return plain(StatusCode::LENGTH_REQUIRED, "content-length is missing");
    };
    let blob = Blob { digest, size };
    if let Some(refusal) = refused(&node, &blob, &headers) {
        return refusal;
    }
    let sha256 = blob
        .digest
        .digest()
        .try_into()
        .ok()
        .filter(|_| blob.digest.code() == SHA2_256);
    let options = PutOptions {
        sha256,
        ..PutOptions::default()
    };
    let stream = body
        .into_data_stream()
        .map(|chunk| chunk.map_err(std::io::Error::other));
    match node
        .network
        .objects
        .put_stream(bucket::CARPARK, &blob.key(), stream, options)
        .await
    {
        Ok(meta) if meta.size == size => plain(StatusCode::OK, ""),
        Ok(_) | Err(ObjectError::Digest(_) | ObjectError::Body(_)) => {
            plain(StatusCode::BAD_REQUEST, "the body is not the blob")
        }
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// Why a blob may not be put, seen from the head of the request.
fn refused(node: &Node, blob: &Blob, headers: &HeaderMap) -> Option<Response<Body>> {
    let network = &node.network;
    let allocations = network.shelf.list(&group(blob), network.clock.now().0);
    if allocations.is_empty() {
        return Some(plain(StatusCode::FORBIDDEN, "the blob is not allocated"));
    }
    let size = blob.size.to_string();
    if allocations
        .iter()
        .all(|(_, allocated)| allocated.as_ref() != size.as_bytes())
    {
        return Some(plain(
            StatusCode::FORBIDDEN,
            "the blob was allocated with another size",
        ));
    }
    let checksum = headers.get("x-amz-checksum-sha256")?;
    let expected = BASE64.encode(blob.digest.digest());
    (checksum.as_bytes() != expected.as_bytes()).then(|| {
        plain(
            StatusCode::FORBIDDEN,
            "the checksum is not that of the blob",
        )
    })
}

/// `GET` and `HEAD`: a blob or one range of it.
pub(super) async fn get(
    State(node): State<Arc<Node>>,
    Path((digest, file)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response<Body> {
    let Some(digest) = digest_of(&digest, &file) else {
        return plain(StatusCode::NOT_FOUND, "not a blob");
    };
    carpark::object(&node.network, &method, &headers, &key_of(&digest)).await
}

/// `GET /claim/{cid}`: a claim of this node, or one that was put into its bucket.
pub(super) async fn claim(
    State(node): State<Arc<Node>>,
    Path(cid): Path<String>,
) -> Response<Body> {
    if cid.parse::<cid::Cid>().is_err() {
        return plain(StatusCode::BAD_REQUEST, "invalid CID");
    }
    match node.network.objects.get(bucket::CLAIMS, &cid).await {
        Ok(Some((_, bytes))) => {
            let mut answer = Response::new(Body::from(bytes));
            answer.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/vnd.ipld.car"),
            );
            answer
        }
        Ok(None) => plain(StatusCode::NOT_FOUND, "claim not found"),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// The digest of `{mh}/{mh}.blob`.
fn digest_of(folder: &str, file: &str) -> Option<Multihash> {
    let digest = Multihash::parse(folder).ok()?;
    (key_of(&digest) == format!("{folder}/{file}")).then_some(digest)
}
