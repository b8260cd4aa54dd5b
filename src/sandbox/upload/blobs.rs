//! `space/blob/list`, `space/blob/get/0/1`, `space/blob/remove`.

use ipld_core::ipld::Ipld;

use super::registry;
use super::state::Upload;
use super::uploads::page;
use crate::proto::multihash::Multihash;
use crate::sandbox::blob::Blob;
use crate::sandbox::layout::Table;
use crate::sandbox::ucan_server::{Answer, Call, Failure, Success, map, text};

/// Removes a blob from a space; its bytes stay.
pub(super) async fn remove(upload: &Upload, call: &Call) -> Answer {
    let space = call.subject()?;
    let cause = call.invocation.cid();
    let size = registry::deregister(upload, &space, &digest(call)?, cause).await?;
    Ok(Success::with(map([(
        "size",
        Ipld::Integer(size.unwrap_or_default().into()),
    )])))
}

/// Lists the blobs of a space, by digest.
pub(super) async fn list(upload: &Upload, call: &Call) -> Answer {
    let space = call.subject()?;
    let rows = upload
        .network
        .db
        .query(Table::Allocation, None, space.as_str())
        .await?;
    let blobs = rows.iter().filter_map(|row| {
        let key = row.get_text("multihash")?;
        let entry = registry::entry(row);
        let blob = Blob {
            digest: Multihash::parse(key).ok()?,
            size: entry.size,
        };
        let inserted_at = text(entry.inserted_at.as_deref().unwrap_or_default());
        Some((
            key.to_owned(),
            map([("blob", blob.to_ipld()), ("insertedAt", inserted_at)]),
        ))
    });
    Ok(Success::with(page(call, blobs.collect())))
}

/// One blob of a space.
pub(super) async fn get(upload: &Upload, call: &Call) -> Answer {
    let digest = digest(call)?;
    match registry::find(upload, &call.subject()?, &digest).await? {
        Some(registry::Entry {
            size,
            cause: Some(cause),
            ..
        }) => {
            let blob = Blob { digest, size };
            Ok(Success::with(map([
                ("blob", blob.to_ipld()),
                ("cause", Ipld::Link(cause)),
            ])))
        }
        Some(_) | None => Err(Failure::named("BlobNotFound", "Blob not found")),
    }
}

fn digest(call: &Call) -> Result<Multihash, Failure> {
    match call.caveat("digest")? {
        Ipld::Bytes(bytes) => Multihash::from_bytes(bytes).map_err(|error| Failure::thrown(&error)),
        _ => Err(Failure::broke("digest is not bytes")),
    }
}
