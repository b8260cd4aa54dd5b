//! One service of the network calling another.

use std::time::Duration;

use crate::proto::message::{CONTENT_TYPE, Message, Receipt};
use crate::proto::ucan::Delegation;

/// Why a call had no receipt.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The message could not be made or the reply not be read.
    #[error("read the reply of {url}")]
    Message {
        /// Who was called.
        url: String,
        /// What was wrong.
        source: crate::proto::message::MessageError,
    },
    /// There was no reply in time.
    #[error("reach {url}")]
    Http {
        /// Who was called.
        url: String,
        /// What the client said.
        source: reqwest::Error,
    },
    /// The reply reports something else.
    #[error("find the receipt in the reply of {0}")]
    NoReceipt(String),
}

/// Sends one invocation and gives its receipt. Gives up after `limit`.
pub(crate) async fn call(
    http: &reqwest::Client,
    url: &str,
    invocation: &Delegation,
    limit: Duration,
) -> Result<Receipt, CallError> {
    let failed = |source| CallError::Message {
        url: url.to_owned(),
        source,
    };
    let unreachable = |source| CallError::Http {
        url: url.to_owned(),
        source,
    };
    let body = Message::request(std::slice::from_ref(invocation))
        .map_err(failed)?
        .encode();
    let request = http
        .post(url)
        .header("content-type", CONTENT_TYPE)
        .header("accept", CONTENT_TYPE)
        .timeout(limit)
        .body(body);
    let response = request
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(unreachable)?;
    let reply = Message::decode(&response.bytes().await.map_err(unreachable)?).map_err(failed)?;
    let receipt = reply.receipt(invocation.cid()).map_err(failed)?;
    receipt.ok_or_else(|| CallError::NoReceipt(url.to_owned()))
}
