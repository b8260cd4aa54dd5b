//! A network in a temporary folder, with the SDK's clients for it.

use std::time::Duration;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use sterna::sandbox::{ACCESS_KEY, Config, REGION, SECRET_KEY, Sandbox, Service};

/// A running network and its folder, which goes with it.
pub(crate) struct Local {
    pub(crate) sandbox: Sandbox,
    pub(crate) folder: tempfile::TempDir,
}

impl Local {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::start(Config::in_dir(folder.path())).await.unwrap();
        Self { sandbox, folder }
    }

    /// Stops and starts again in the same folder.
    pub(crate) async fn restart(self) -> Self {
        let Self { sandbox, folder } = self;
        sandbox.shutdown().await;
        let sandbox = Sandbox::start(Config::in_dir(folder.path())).await.unwrap();
        Self { sandbox, folder }
    }

    pub(crate) fn url(&self, service: Service) -> String {
        self.sandbox.urls().of(service)
    }

    /// A request to the control listener, with what lets it in.
    pub(crate) fn control(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/_sandbox{path}", self.url(Service::Control));
        let request = reqwest::Client::new().request(method, url);
        request.bearer_auth(self.variable("SANDBOX_CONTROL_TOKEN"))
    }

    pub(crate) fn variable(&self, name: &str) -> String {
        let variables = self.sandbox.env().unwrap();
        let found = variables.into_iter().find(|(given, _)| given == name);
        found.unwrap_or_else(|| panic!("no variable {name}")).1
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials(SECRET_KEY))
            .retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled())
            .endpoint_url(self.url(Service::DynamoDb))
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        self.s3_with(SECRET_KEY)
    }

    pub(crate) fn s3_with(&self, secret: &str) -> aws_sdk_s3::Client {
        let timeouts = aws_sdk_s3::config::timeout::TimeoutConfig::builder()
            .operation_timeout(Duration::from_secs(30))
            .build();
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials(secret))
            .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
            .timeout_config(timeouts)
            .endpoint_url(self.url(Service::S3))
            .force_path_style(true)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials(SECRET_KEY))
            .retry_config(aws_sdk_sqs::config::retry::RetryConfig::disabled())
            .endpoint_url(self.url(Service::Sqs))
            .build();
        aws_sdk_sqs::Client::from_conf(config)
    }
}

fn credentials(secret: &str) -> Credentials {
    Credentials::new(ACCESS_KEY, secret, None, None, "test")
}
