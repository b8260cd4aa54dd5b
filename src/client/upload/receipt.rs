//! Asking for what is not there yet: the receipt of a task (docs/protocol/transport.md §6).

use std::future::Future;
use std::time::Duration;

use cid::Cid;
use reqwest::Method;
use url::Url;

use super::UploadClient;
use crate::client::http;
use crate::client::ucan::{outage, unfit};
use crate::client::{Cause, ClientError, Dependency};
use crate::proto::message::{CONTENT_TYPE, Message, Receipt, find_receipt};
use crate::proto::ucan::Delegation;

const POLL: &str = "read the receipt of a task";
/// Largest message that is read.
const LARGEST: usize = 16 << 20;

impl UploadClient {
    /// Reads a receipt; "not there" is asked again. One that is not by whom the task was given to is none.
    pub(super) async fn receipt(&self, task: &Delegation) -> Result<Receipt, ClientError> {
        let is_early = |error: &ClientError| error.cause == Cause::Missing;
        let ask = || self.receipt_now(task.cid());
        let receipt = self.when_there(is_early, ask).await?;
        self.check_receipt(&receipt, task, POLL).await?;
        Ok(receipt)
    }

    /// Asks, and asks again with growing pauses while the answer says that it is too early, until the deadline.
    pub(super) async fn when_there<T, F>(
        &self,
        is_early: impl Fn(&ClientError) -> bool,
        ask: impl Fn() -> F,
    ) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let longest = self.calls.limits().receipt;
        let (mut waited, mut pause) = (Duration::ZERO, Duration::from_millis(250));
        loop {
            match ask().await {
                Err(error) if is_early(&error) && waited < longest => {}
                other => return other,
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(Duration::from_secs(4));
        }
    }

    async fn receipt_now(&self, task: &Cid) -> Result<Receipt, ClientError> {
        let attempt = || async {
            let url = self
                .service
                .url
                .join(&format!("/receipt/{task}"))
                .map_err(|error| Cause::Address(error.to_string()))?;
            let leads = |to: &Url| self.receipts.contains(&to.origin());
            let asked = self.http.follow_to(Method::GET, url, CONTENT_TYPE, leads);
            let response = http::check(asked.await?).await?;
            let body = http::read(response, LARGEST).await?;
            let message = Message::decode(&body).map_err(unfit)?;
            let receipt = find_receipt(&message, task).map_err(unfit)?;
            let missing = || Cause::Malformed(format!("no receipt of {task} in its message"));
            let receipt = receipt.ok_or_else(missing)?;
            match outage(&receipt) {
                Some(cause) => Err(cause),
                None => Ok(receipt),
            }
        };
        self.calls
            .run(Dependency::UploadService, POLL, attempt)
            .await
    }
}
