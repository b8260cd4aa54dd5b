//! One retrieval: found, allowed, read (docs/protocol/gateway.md §3).

use axum::body::Body;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};

use super::answer::{Asker, content};
use super::authorize::may_serve;
use super::blocks::Blocks;
use super::locator::{Locator, Site};
use super::request::{Format, Wanted, read};
use super::state::Gateway;
use crate::proto::Did;
use crate::proto::multihash::{IDENTITY, Multihash, codec};
use crate::sandbox::blob::key_of;
use crate::sandbox::carpark;
use crate::sandbox::layout::bucket;
use crate::sandbox::ucan_server::plain;

/// Answers a `GET` or `HEAD`.
pub(super) async fn retrieve(
    gateway: &Gateway,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Response<Body> {
    let wanted = match read(uri, headers) {
        Ok(wanted) => wanted,
        Err(reason) => return plain(StatusCode::BAD_REQUEST, &reason),
    };
    if let Some(key) = whole_car(gateway, &wanted) {
        return carpark::object(&gateway.network, method, headers, &key).await;
    }
    let kind = if wanted.format == Format::Raw {
        "standard_compressed"
    } else {
        "standard"
    };
    let mut blocks = Blocks::new(gateway, Locator::new(gateway, kind));
    if wanted.root.hash().code() != IDENTITY {
        let sites = blocks.sites(&wanted.root).await;
        if !allowed(gateway, &sites, wanted.token.as_deref()) {
            return plain(
                StatusCode::NOT_FOUND,
                "The gateway is not authorized to serve this content, or has not found it.",
            );
        }
    }
    content(
        &Asker {
            method,
            headers,
            wanted: &wanted,
        },
        &mut blocks,
    )
    .await
}

/// The key of a root that is a CAR itself: served as it is, whoever asks.
fn whole_car(gateway: &Gateway, wanted: &Wanted) -> Option<String> {
    if wanted.root.codec() != codec::CAR
        || wanted.format != Format::Content
        || !wanted.path.is_empty()
    {
        return None;
    }
    let cid = wanted.root;
    let keys = [key_of(&Multihash::of(&cid)), format!("{cid}/{cid}.car")];
    keys.into_iter()
        .find(|key| gateway.network.objects.head(bucket::CARPARK, key).is_some())
}

/// Whether content at these sites may be served: freely if no site has a space, else if one of the spaces allows it.
fn allowed(gateway: &Gateway, sites: &[Site], token: Option<&str>) -> bool {
    let mut spaces: Vec<&Did> = sites
        .iter()
        .filter_map(|site| site.space.as_ref())
        .collect();
    spaces.sort_unstable();
    spaces.dedup();
    if spaces.is_empty() && token.is_none() {
        return !sites.is_empty();
    }
    spaces
        .into_iter()
        .any(|space| may_serve(gateway, space, token))
}
