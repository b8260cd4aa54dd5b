//! `upload/add`, `upload/get`, `upload/list`, `upload/remove`, and `filecoin/offer`, which is taken and forgotten.

use std::collections::BTreeSet;

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::state::Upload;
use crate::sandbox::dynamo::Row;
use crate::sandbox::layout::Table;
use crate::sandbox::ucan_server::{Answer, Call, Failure, Success, map, text};

/// Entries of a page if the client does not say.
const PAGE: usize = 1000;

/// Adds an upload or more shards to one.
pub(super) async fn add(upload: &Upload, call: &Call) -> Answer {
    let root = root(call)?;
    let mut shards: BTreeSet<String> = links(call.capability.get("shards"))
        .map(|cid| cid.to_string())
        .collect();
    let key = key(call, &root);
    let db = &upload.network.db;
    let now = upload.network.now_text();
    let old = db.get(Table::Upload, key.clone()).await?;
    let inserted_at = old
        .as_ref()
        .and_then(|row| row.get_text("insertedAt"))
        .unwrap_or(&now)
        .to_owned();
    shards.extend(old.iter().flat_map(|row| row.get_texts("shards")).cloned());
    let row = key
        .texts("shards", shards.iter().cloned())
        .text("cause", call.invocation.cid().to_string())
        .text("insertedAt", inserted_at)
        .text("updatedAt", now);
    db.put(Table::Upload, row.clone()).await?;
    Ok(Success::with(upload_of(&root, &row, false)))
}

/// One upload.
pub(super) async fn get(upload: &Upload, call: &Call) -> Answer {
    let root = root(call)?;
    match upload
        .network
        .db
        .get(Table::Upload, key(call, &root))
        .await?
    {
        Some(row) => Ok(Success::with(upload_of(&root, &row, true))),
        None => Err(Failure::named("UploadNotFound", "upload not found")),
    }
}

/// The uploads of a space, by root.
pub(super) async fn list(upload: &Upload, call: &Call) -> Answer {
    let rows = upload
        .network
        .db
        .query(Table::Upload, None, &call.capability.with)
        .await?;
    let uploads = rows.iter().filter_map(|row| {
        let root = row.get_text("root")?;
        Some((root.to_owned(), upload_of(&root.parse().ok()?, row, true)))
    });
    Ok(Success::with(page(call, uploads.collect())))
}

/// Removes an upload; its shards stay.
pub(super) async fn remove(upload: &Upload, call: &Call) -> Answer {
    let root = root(call)?;
    let key = key(call, &root);
    let row = upload.network.db.get(Table::Upload, key.clone()).await?;
    upload.network.db.delete(Table::Upload, key).await?;
    Ok(row.map_or_else(Success::done, |row| {
        Success::with(upload_of(&root, &row, false))
    }))
}

/// Says yes; nothing is dealt.
pub(super) fn offer(call: &Call) -> Answer {
    Ok(Success::with(map([(
        "piece",
        call.caveat("piece")?.clone(),
    )])))
}

/// One page of a listing: `size` entries after `cursor`, as the caveats say.
pub(super) fn page(call: &Call, entries: Vec<(String, Ipld)>) -> Ipld {
    let size = match call.capability.get("size") {
        Some(Ipld::Integer(size)) => usize::try_from(*size).unwrap_or(PAGE),
        _ => PAGE,
    };
    let cursor = match call.capability.get("cursor") {
        Some(Ipld::String(cursor)) => cursor.as_str(),
        _ => "",
    };
    let mut after = entries
        .into_iter()
        .filter(|(key, _)| key.as_str() > cursor)
        .peekable();
    let mut keys = Vec::new();
    let mut results = Vec::new();
    while results.len() < size
        && let Some((key, entry)) = after.next()
    {
        keys.push(key);
        results.push(entry);
    }
    let mut fields = vec![
        ("size", Ipld::Integer(results.len() as i128)),
        ("results", Ipld::List(results)),
    ];
    if let Some(first) = keys.first() {
        fields.push(("before", text(first)));
    }
    if let Some(last) = keys.last() {
        fields.push(("after", text(last)));
        if after.peek().is_some() {
            fields.push(("cursor", text(last)));
        }
    }
    Ipld::Map(
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

fn root(call: &Call) -> Result<Cid, Failure> {
    match call.caveat("root")? {
        Ipld::Link(root) => Ok(*root),
        _ => Err(Failure::broke("root is not a link")),
    }
}

fn links(list: Option<&Ipld>) -> impl Iterator<Item = Cid> {
    let list = match list {
        Some(Ipld::List(list)) => list.as_slice(),
        _ => &[],
    };
    list.iter().filter_map(|link| match link {
        Ipld::Link(cid) => Some(*cid),
        _ => None,
    })
}

fn key(call: &Call, root: &Cid) -> Row {
    Row::new()
        .text("space", call.capability.with.clone())
        .text("root", root.to_string())
}

fn upload_of(root: &Cid, row: &Row, dates: bool) -> Ipld {
    let shards = row
        .get_texts("shards")
        .iter()
        .filter_map(|shard| Some(Ipld::Link(shard.parse().ok()?)));
    let mut fields = vec![
        ("root", Ipld::Link(*root)),
        ("shards", Ipld::List(shards.collect())),
    ];
    if dates {
        for name in ["insertedAt", "updatedAt"] {
            fields.push((name, text(row.get_text(name).unwrap_or_default())));
        }
    }
    Ipld::Map(
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}
