//! Fetching content as a reader would.

use bytes::Bytes;
use cid::Cid;
use reqwest::Method;
use url::Url;

use super::GatewayClient;
use crate::client::http;
use crate::client::{Cause, Dependency, Error};

const FETCH: &str = "fetch content through the gateway";
const PROBE: &str = "ask whether the gateway serves content";

impl GatewayClient {
    /// Fetches what lies under a CID and a path below it (`""`, or `/a/b`), at most `limit` bytes.
    ///
    /// `accept` chooses the form: `*/*` for the file itself, `application/vnd.ipld.raw` for the block.
    pub async fn fetch(
        &self,
        root: &Cid,
        path: &str,
        accept: &str,
        limit: usize,
    ) -> Result<Bytes, Error> {
        let attempt = || async {
            let url = address(&self.service.url, root, path)?;
            let response = http::check(self.http.follow(Method::GET, url, accept).await?).await?;
            let body = http::read(response, limit).await?;
            Ok(body.into_bytes())
        };
        let deadline = self.calls.limits().call * 4;
        self.calls
            .run_within(deadline, Dependency::Gateway, FETCH, attempt)
            .await
    }

    /// Asks whether content is served. `false` only for a plain "not found"; anything else is an error.
    pub async fn serves(&self, root: &Cid) -> Result<bool, Error> {
        let attempt = || async {
            let url = address(&self.service.url, root, "")?;
            http::check(self.http.follow(Method::HEAD, url, "*/*").await?).await
        };
        match self.calls.run(Dependency::Gateway, PROBE, attempt).await {
            Ok(_) => Ok(true),
            Err(error) if error.cause == Cause::Missing => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn address(gateway: &Url, root: &Cid, path: &str) -> Result<Url, Cause> {
    gateway
        .join(&format!("/ipfs/{root}{path}"))
        .map_err(|error| Cause::Address(error.to_string()))
}
