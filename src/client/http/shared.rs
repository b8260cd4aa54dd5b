//! The one HTTP client of the process.

use std::sync::Arc;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, Method, RequestBuilder, Response};
use url::{Origin, Url};

use super::reach::{PublicResolver, admit};
use super::{is_direct, network};
use crate::client::{Cause, Limits, Network, Reach};

/// Shared connections; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    /// For this machine and its own network.
    direct: reqwest::Client,
    /// For all others, through a proxy if the environment names one.
    proxied: reqwest::Client,
    /// For addresses that answers name, where no proxy takes them: public ones alone.
    guarded: reqwest::Client,
    /// What the environment says about proxies.
    proxies: Arc<Matcher>,
    reach: Reach,
    /// The storage node and its like, which may lie anywhere: they are configured.
    own: Arc<[Origin]>,
}

impl Http {
    /// Builds the client: no redirects by itself, silence ends a read, nothing is unpacked behind our back. Of addresses
    /// that answers name it reaches public ones.
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
            guarded: built(builder().no_proxy().dns_resolver(Arc::new(PublicResolver)))?,
            proxies: Arc::new(Matcher::from_env()),
            reach: Reach::Public,
            own: Arc::new([]),
        })
    }

    /// The same, reaching what a network allows.
    pub(crate) fn reaching(self, network: &Network) -> Self {
        let node = &network.storage_node.service.url;
        let own = std::iter::once(node).chain(&network.uploads);
        Self {
            reach: network.reach,
            own: own.map(Url::origin).collect(),
            ..self
        }
    }

    /// Starts a request to a configured address.
    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let client = if url.host_str().is_some_and(is_direct) {
            &self.direct
        } else {
            &self.proxied
        };
        client.request(method, url)
    }

    /// Starts a request to an address that an answer named.
    ///
    /// # Errors
    /// When it is not one that answers may name. What its host resolves to is looked at when the connection is made; where
    /// a proxy takes the request, that is the proxy's part.
    pub(crate) fn request_named(&self, method: Method, url: Url) -> Result<RequestBuilder, Cause> {
        if self.is_free(&url) {
            return Ok(self.request(method, url));
        }
        admit(&url)?;
        let uri = url.as_str().parse::<Uri>();
        let is_proxied = uri.is_ok_and(|uri| self.proxies.intercept(&uri).is_some());
        let client = if is_proxied {
            &self.proxied
        } else {
            &self.guarded
        };
        Ok(client.request(method, url))
    }

    /// Whether an answer may name an address, as far as the address itself tells.
    pub(crate) fn admit(&self, url: &Url) -> Result<(), Cause> {
        if self.is_free(url) {
            return Ok(());
        }
        admit(url)
    }

    /// Whether an address is used wherever it leads.
    fn is_free(&self, url: &Url) -> bool {
        self.reach == Reach::Any || self.own.contains(&url.origin())
    }

    /// Sends a request once, redirects unfollowed.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, Cause> {
        request.send().await.map_err(|error| network(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name of a stranger that leads to this machine, whatever its URL looks like.
    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_reported_and_not_connected_to() {
        let http = Http::new(&Limits::default()).unwrap();
        let url = "https://localhost:9/latest/meta-data";
        let refused = http.send(http.guarded.get(url)).await.unwrap_err();
        let named =
            matches!(&refused, Cause::Address(text) if text.starts_with("localhost has no"));
        assert!(named, "{refused}");
        let url: Url = url.parse().unwrap();
        let refused = http.request_named(Method::PUT, url.clone()).unwrap_err();
        assert!(matches!(refused, Cause::Address(_)), "{refused}");
        // In the network on this machine everything is near.
        let local = Http {
            reach: Reach::Any,
            ..http
        };
        assert!(local.request_named(Method::PUT, url).is_ok());
    }
}
