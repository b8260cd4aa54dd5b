//! `blobs get`: reads one blob as a reader does: from the active backend first, then from the other.

use anyhow::Result;
use futures::StreamExt as _;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::open::{self, Opened, of_backend};
use crate::app::{CommandError, Kind};
use crate::client::blobs::{Backend, BackendUrl, Reading};
use crate::config::Settings;
use crate::migrations::blobs::{REASONS, digests_of};

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Got {
    /// The key of the blob.
    pub key: String,
    /// URL of the backend that it was read from.
    pub from: String,
    /// How many bytes.
    pub bytes: u64,
}

/// Reads a blob into `out`.
///
/// # Errors
/// No backend has it, or one of them could not tell; `out` could not be written.
pub async fn get(
    settings: &Settings,
    (job, id): (&str, &str),
    out: &mut (dyn AsyncWrite + Send + Unpin),
) -> Result<Got> {
    let opened = open::job(settings, job, false).await?;
    let key = opened.session.workload.layout.key(id);
    let expected = opened.session.workload.layout.expected(&key);
    let mut damaged = None;
    for (url, backend) in in_order(&opened)? {
        if let Some(expected) = &expected {
            // What is handed out is what was asked for: the key says which bytes.
            let read = digests_of(("backend", backend), &key, Some(expected), || {}).await;
            let read = read.map_err(|failure| CommandError::of_failure(&failure, REASONS))?;
            if read.is_some_and(|(_, digests)| !digests.are(expected)) {
                damaged = Some(url.to_string());
                continue;
            }
        }
        let reading = backend
            .read(&key)
            .await
            .map_err(|error| of_backend(&error, "the key", &url.to_string()))?;
        if let Some(Reading { mut body, .. }) = reading {
            let mut bytes = 0;
            while let Some(chunk) = body.next().await {
                let chunk =
                    chunk.map_err(|error| of_backend(&error, "the key", &url.to_string()))?;
                out.write_all(&chunk).await?;
                bytes += chunk.len() as u64;
            }
            out.flush().await?;
            return Ok(Got {
                key,
                from: url.to_string(),
                bytes,
            });
        }
    }
    if let Some(url) = damaged {
        return Err(CommandError::new(
            Kind::Mismatch,
            format!("read {id} of job {job}"),
            format!("the bytes in {url} are not those that the key names"),
            "put the right bytes there; `sterna blobs verify --deep` looks at all of them",
        )
        .into());
    }
    Err(CommandError::new(
        Kind::NotFound,
        format!("read {id} of job {job}"),
        format!("neither backend has `{key}`"),
        "check the id; `sterna blobs verify` says what is missing on the target",
    )
    .into())
}

/// The backends, the active one first.
fn in_order(opened: &Opened) -> Result<Vec<(&BackendUrl, &dyn Backend)>> {
    let backends = &opened.session.workload.backends;
    let (source, target) = (
        (&opened.from, &*backends.source),
        (&opened.to, &*backends.target),
    );
    Ok(if opened.is_at_target()? {
        vec![target, source]
    } else {
        vec![source, target]
    })
}
