//! Reading an index through the claims of the network, as anyone would.

use crate::proto::claims::Claim;
use crate::proto::index::ShardedDagIndex;
use crate::proto::multihash::Multihash;
use crate::proto::query;
use crate::sandbox::service::Service;
use crate::sandbox::ucan_server::Failure;

use crate::sandbox::upload::state::Upload;

/// Finds a blob by its location claims, fetches it, checks it, and reads it as an index.
pub(super) async fn read(upload: &Upload, digest: &Multihash) -> Result<ShardedDagIndex, Failure> {
    let url = format!(
        "{}/claims?multihash={digest}",
        upload.network.urls.of(Service::Indexer)
    );
    let body = fetch(upload, &url).await?;
    let result = query::decode(&body).map_err(|error| Failure::thrown(&error))?;
    let locations = result
        .claims
        .iter()
        .filter_map(|claim| match Claim::of(claim) {
            Ok(Claim::Location(location)) if location.content.hash() == *digest => {
                Some(location.location)
            }
            _ => None,
        });
    let locations: Vec<String> = locations.flatten().collect();
    for location in locations {
        let Ok(bytes) = fetch(upload, &location).await else {
            continue;
        };
        if digest.verify(&bytes).is_ok() {
            return ShardedDagIndex::extract(&bytes)
                .map_err(|error| Failure::named("UnknownFormat", &error.to_string()));
        }
    }
    Err(Failure::named(
        "BlobNotFound",
        &format!("blob {digest} was not found"),
    ))
}

async fn fetch(upload: &Upload, url: &str) -> Result<bytes::Bytes, Failure> {
    let response = upload
        .http
        .get(url)
        .send()
        .await
        .and_then(reqwest::Response::error_for_status);
    let response = response.map_err(|error| Failure::thrown(&error))?;
    response
        .bytes()
        .await
        .map_err(|error| Failure::thrown(&error))
}
