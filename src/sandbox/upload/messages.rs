//! Agent messages that were received and sent, found by task (docs/protocol/transport.md §7).

use cid::Cid;

use crate::proto::message::{Message, Receipt, concluded};
use crate::proto::ucan::Delegation;
use crate::sandbox::dynamo::Row;
use crate::sandbox::layout::{Table, bucket};
use crate::sandbox::network::Network;
use crate::sandbox::s3::PutOptions;

/// Why a message could not be stored or found.
#[derive(Debug, thiserror::Error)]
pub(super) enum MessageError {
    /// The tables or buckets refused.
    #[error(transparent)]
    Store(#[from] crate::sandbox::config::SandboxError),
    /// The bucket refused.
    #[error(transparent)]
    Objects(#[from] crate::sandbox::s3::ObjectError),
    /// A stored message cannot be read.
    #[error(transparent)]
    Message(#[from] crate::proto::message::MessageError),
    /// A stored invocation cannot be read.
    #[error(transparent)]
    Ucan(#[from] crate::proto::ucan::UcanError),
}

/// Key of a message in its bucket.
pub(super) fn key(message: &str) -> String {
    format!("{message}/{message}")
}

/// Stores a message, and where each of its invocations and receipts is.
pub(super) async fn store(network: &Network, message: &Message) -> Result<(), MessageError> {
    let name = message.cid().to_string();
    if network
        .objects
        .head(bucket::MESSAGES, &key(&name))
        .is_some()
    {
        return Ok(());
    }
    let rows = entries(message)
        .into_iter()
        .map(|(task, kind, root)| {
            Row::new()
                .text("taskkind", format!("{task}.{kind}"))
                .text("identifier", format!("{root}@{name}"))
        })
        .collect();
    network
        .objects
        .put(
            bucket::MESSAGES,
            &key(&name),
            message.encode(),
            PutOptions::default(),
        )
        .await?;
    network.db.put_all(Table::AgentIndex, rows).await?;
    Ok(())
}

/// Task, `in` or `out`, and the root of the invocation or receipt: once each.
fn entries(message: &Message) -> Vec<(Cid, &'static str, Cid)> {
    let mut found = Vec::new();
    for invocation in message.invocations().unwrap_or_default() {
        add_invocation(&invocation, &mut found);
    }
    for receipt in message.receipts().unwrap_or_default() {
        let ran = receipt.ran();
        found.push((*ran.cid(), "out", *receipt.cid()));
        let forks = receipt.forks();
        for task in std::iter::once(&ran).chain(&forks) {
            if let Some(invocation) = task.delegation() {
                add_invocation(invocation, &mut found);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn add_invocation(invocation: &Delegation, into: &mut Vec<(Cid, &'static str, Cid)>) {
    into.push((*invocation.cid(), "in", *invocation.cid()));
    if invocation
        .capabilities()
        .first()
        .is_some_and(|capability| capability.can == "ucan/conclude")
        && let Ok(receipt) = concluded(invocation)
    {
        into.push((*receipt.ran().cid(), "out", *receipt.cid()));
    }
}

/// The message that holds the receipt of a task: its CID as text.
pub(super) async fn with_receipt(
    network: &Network,
    task: &Cid,
) -> Result<Option<String>, MessageError> {
    Ok(found(network, task, "out")
        .await?
        .map(|(_, message)| message))
}

/// The receipt of a task.
pub(super) async fn receipt(
    network: &Network,
    task: &Cid,
) -> Result<Option<Receipt>, MessageError> {
    let Some((root, name)) = found(network, task, "out").await? else {
        return Ok(None);
    };
    let Some(message) = message(network, &name).await? else {
        return Ok(None);
    };
    Ok(Some(Receipt::view_shared(&root, message.blocks())?))
}

/// The invocation of a task.
pub(super) async fn invocation(
    network: &Network,
    task: &Cid,
) -> Result<Option<Delegation>, MessageError> {
    let Some((root, name)) = found(network, task, "in").await? else {
        return Ok(None);
    };
    let Some(message) = message(network, &name).await? else {
        return Ok(None);
    };
    Ok(Some(Delegation::view_shared(&root, message.blocks())?))
}

async fn found(
    network: &Network,
    task: &Cid,
    kind: &str,
) -> Result<Option<(Cid, String)>, MessageError> {
    let rows = network
        .db
        .query(Table::AgentIndex, None, &format!("{task}.{kind}"))
        .await?;
    Ok(rows.iter().find_map(|row| {
        let (root, message) = row.get_text("identifier")?.split_once('@')?;
        Some((root.parse().ok()?, message.to_owned()))
    }))
}

async fn message(network: &Network, name: &str) -> Result<Option<Message>, MessageError> {
    match network.objects.get(bucket::MESSAGES, &key(name)).await? {
        Some((_, bytes)) => Ok(Some(Message::decode(&bytes)?)),
        None => Ok(None),
    }
}
