//! The one HTTP client of the process.

use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, Response, StatusCode, header};
use url::Url;

use super::{is_direct, network};
use crate::client::{Cause, Limits};

/// Most hops of one request.
const HOPS: usize = 5;

/// Shared connections; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    /// For this machine and its own network.
    direct: reqwest::Client,
    /// For all others, through a proxy if the environment names one.
    proxied: reqwest::Client,
}

impl Http {
    /// Builds the client: no redirects by itself, silence ends a read, nothing is unpacked behind our back.
    pub(crate) fn new(limits: &Limits) -> Result<Self, Cause> {
        let builder = || {
            reqwest::Client::builder()
                .redirect(Policy::none())
                .connect_timeout(limits.connect)
                .read_timeout(limits.idle)
                .pool_max_idle_per_host(limits.in_flight)
                .user_agent(concat!("sterna/", env!("CARGO_PKG_VERSION")))
        };
        let built = |builder: ClientBuilder| builder.build().map_err(|error| network(&error));
        Ok(Self {
            direct: built(builder().no_proxy())?,
            proxied: built(builder())?,
        })
    }

    /// Starts a request.
    pub(crate) fn request(&self, method: reqwest::Method, url: Url) -> reqwest::RequestBuilder {
        let client = if url.host_str().is_some_and(is_direct) {
            &self.direct
        } else {
            &self.proxied
        };
        client.request(method, url)
    }

    /// Sends a request once, redirects unfollowed.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, Cause> {
        request.send().await.map_err(|error| network(&error))
    }

    /// GET or HEAD that follows a few redirects, never from https to http.
    pub(crate) async fn follow(
        &self,
        method: reqwest::Method,
        url: Url,
        accept: &str,
    ) -> Result<Response, Cause> {
        let mut url = url;
        for _ in 0..=HOPS {
            let request = self
                .request(method.clone(), url.clone())
                .header(header::ACCEPT, accept);
            let response = self.send(request).await?;
            if !is_redirect(response.status()) {
                return Ok(response);
            }
            url = next(&url, &response)?;
        }
        Err(Cause::Malformed(format!("more than {HOPS} redirects")))
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn next(from: &Url, response: &Response) -> Result<Url, Cause> {
    let location = response
        .headers()
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| Cause::Malformed("redirect without an address".to_owned()))?;
    let to = from
        .join(location)
        .map_err(|_| Cause::Malformed("redirect to no address".to_owned()))?;
    let downgraded = from.scheme() == "https" && to.scheme() != "https";
    if downgraded || !matches!(to.scheme(), "http" | "https") {
        return Err(Cause::Address(to.to_string()));
    }
    Ok(to)
}
