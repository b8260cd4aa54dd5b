//! The answer for a blob that is registered already: that of its first add, with what has happened since.

use cid::Cid;

use crate::proto::message::{Receipt, conclude};
use crate::sandbox::ucan_server::{Answer, Failure, Success};
use crate::sandbox::upload::messages;
use crate::sandbox::upload::registry::Entry;
use crate::sandbox::upload::state::Upload;

/// Answers as the first add did, and adds the receipts of its `http/put` and `blob/accept`.
pub(super) async fn answer(upload: &Upload, entry: &Entry) -> Answer {
    let cause = entry
        .cause
        .ok_or_else(|| Failure::named("TaskNotFound", "the blob was registered without a cause"))?;
    let first = receipt(upload, &cause).await?;
    let Some(out) = first.outcome().ok() else {
        return Err(missing_receipt(&cause));
    };
    let mut success = Success::with(out.clone());
    success.effects.fork = first.forks();
    let service = &upload.network.keys.upload;
    let done = [
        task(&success, &["http/put"]).ok_or_else(|| missing_task(&cause, "http/put"))?,
        task(&success, &["blob/accept", "web3.storage/blob/accept"])
            .ok_or_else(|| missing_task(&cause, "blob/accept"))?,
    ];
    for task in done {
        let receipt = receipt(upload, &task).await?;
        success = success.fork(conclude(service, service.did(), &receipt)?);
    }
    Ok(success)
}

/// The first fork of the first ability that has one.
fn task(success: &Success, abilities: &[&str]) -> Option<Cid> {
    abilities.iter().find_map(|ability| {
        let forks = success
            .effects
            .fork
            .iter()
            .filter_map(|fork| fork.delegation());
        let mut fitting = forks.filter(|fork| {
            fork.capabilities()
                .first()
                .is_some_and(|first| first.can == *ability)
        });
        fitting.next().map(|fork| *fork.cid())
    })
}

async fn receipt(upload: &Upload, task: &Cid) -> Result<Receipt, Failure> {
    let found = messages::receipt(&upload.network, task)
        .await
        .map_err(|error| Failure::thrown(&error))?;
    found.ok_or_else(|| missing_receipt(task))
}

fn missing_receipt(task: &Cid) -> Failure {
    Failure::named(
        "ReceiptNotFound",
        &format!("receipt of task {task} was not found"),
    )
}

fn missing_task(cause: &Cid, can: &str) -> Failure {
    Failure::named(
        "TaskNotFound",
        &format!("{can} task of {cause} was not found"),
    )
}
