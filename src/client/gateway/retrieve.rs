//! Fetching content as a reader would.

use bytes::Bytes;
use cid::Cid;
use reqwest::{Method, Response};
use url::Url;

use super::GatewayClient;
use crate::client::http;
use crate::client::{Cause, ClientError, Dependency};

const FETCH: &str = "fetch content through the gateway";
const PROBE: &str = "ask whether the gateway serves content";

impl GatewayClient {
    /// Fetches what lies under a CID and a path below it (`""`, or `/a/b`), at most `limit` bytes.
    ///
    /// `accept` chooses the form: `*/*` for the file itself, `application/vnd.ipld.raw` for the block.
    ///
    /// # Errors
    /// The gateway does not serve it, it is larger than `limit`, or no try gets a valid answer.
    pub async fn fetch(
        &self,
        root: &Cid,
        path: &str,
        accept: &str,
        limit: usize,
    ) -> Result<Bytes, ClientError> {
        let attempt = || async {
            let url = address(&self.service.url, root, path)?;
            let response = http::check(self.led(Method::GET, url, accept, root).await?).await?;
            let body = http::read(response, limit).await?;
            Ok(body.into_bytes())
        };
        let deadline = self.calls.limits().call * 4;
        self.calls
            .run_within(deadline, Dependency::Gateway, FETCH, attempt)
            .await
    }

    /// Asks for content by its path. The gateway leads to the subdomain of the content, and to nowhere else
    /// (docs/protocol/gateway.md §4).
    async fn led(
        &self,
        method: Method,
        url: Url,
        accept: &str,
        root: &Cid,
    ) -> Result<Response, Cause> {
        let leads = |to: &Url| {
            let base = self.subdomains.as_ref();
            base.is_some_and(|base| is_below(to, base, root))
        };
        self.http.follow_to(method, url, accept, leads).await
    }

    /// Asks whether content is served; `false` only for a plain "not found".
    ///
    /// # Errors
    /// The gateway refuses with anything but "not found", or no try gets a valid answer.
    pub async fn serves(&self, root: &Cid) -> Result<bool, ClientError> {
        let attempt = || async {
            let url = address(&self.service.url, root, "")?;
            http::check(self.led(Method::HEAD, url, "*/*", root).await?).await
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

/// Whether an address is the subdomain of some content.
fn is_below(url: &Url, base: &Url, root: &Cid) -> bool {
    let label = Cid::new_v1(root.codec(), *root.hash()).to_string();
    let host = base.host_str().map(|host| format!("{label}.{host}"));
    let same = (url.scheme(), url.port_or_known_default())
        == (base.scheme(), base.port_or_known_default());
    same && host.as_deref() == url.host_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_leads_to_the_subdomain_of_the_content_alone() {
        let v0 = Cid::try_from("QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n").unwrap();
        let v1 = "bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
        let base = Url::parse("https://ipfs.w3s.link").unwrap();
        for (url, is_led) in [
            (format!("https://{v1}.ipfs.w3s.link/"), true),
            (format!("https://{v1}.ipfs.w3s.link:443/a"), true),
            (format!("http://{v1}.ipfs.w3s.link/"), false),
            (format!("https://{v1}.ipfs.w3s.link:8443/"), false),
            (
                format!("https://{v1}.ipfs.w3s.link.mallory.example/"),
                false,
            ),
            (format!("https://{v1}.mallory.example/"), false),
            (format!("https://x.{v1}.ipfs.w3s.link/"), false),
            ("https://ipfs.w3s.link/".to_owned(), false),
            ("https://other.ipfs.w3s.link/".to_owned(), false),
        ] {
            let to = Url::parse(&url).unwrap();
            assert_eq!(is_below(&to, &base, &v0), is_led, "{url}");
        }
    }
}
