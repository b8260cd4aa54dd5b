//! The HTTP client below the AWS clients: a proxy from the environment takes every request but those to this machine
//! and its own network.

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use http::Uri;

use crate::client::http::is_direct;

/// One client for all services; its connections are shared by those that use it.
pub(super) fn client() -> SharedHttpClient {
    SharedHttpClient::new(Routed {
        direct: through(ProxyConfig::disabled),
        proxied: through(ProxyConfig::from_env),
    })
}

/// The SDK's default client but for its proxy.
fn through(proxy: fn() -> ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let tls = Provider::Rustls(CryptoMode::AwsLc);
        let mut connector = ConnectorBuilder::default().tls_provider(tls);
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.set_proxy_config(Some(proxy()));
        connector.build()
    })
}

/// Two clients, or two connectors, of which the address chooses one.
#[derive(Debug)]
struct Routed<T> {
    direct: T,
    proxied: T,
}

impl HttpClient for Routed<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Routed {
            direct: self.direct.http_connector(settings, components),
            proxied: self.proxied.http_connector(settings, components),
        })
    }
}

impl HttpConnector for Routed<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri = request.uri().parse::<Uri>();
        if uri.is_ok_and(|uri| uri.host().is_some_and(is_direct)) {
            self.direct.call(request)
        } else {
            self.proxied.call(request)
        }
    }
}
