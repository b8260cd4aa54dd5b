//! Opens the AWS clients: standard chain, explicit timeouts, the SDK's own retries off.
//!
//! An endpoint that the settings name counts whatever the environment or a profile says besides: a FIPS or dual-stack
//! endpoint would be another host, and the SDK refuses one together with an endpoint.

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use url::Url;

use super::http;
use crate::client::{Aws, Credentials, Limits, Queues, R2};

/// Clients of the AWS services in use; cheap to clone. Retries are made by the callers.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Tables.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Buckets.
    pub s3: aws_sdk_s3::Client,
    /// The delegation bucket in R2, if there is one.
    pub r2: Option<aws_sdk_s3::Client>,
    /// Queues.
    pub sqs: aws_sdk_sqs::Client,
}

impl Clients {
    /// The client of tables alone, for commands that use nothing else.
    pub async fn dynamodb_only(aws: &Aws, limits: &Limits) -> aws_sdk_dynamodb::Client {
        let shared = shared(aws, limits).await;
        dynamodb(&shared, aws.endpoints.dynamodb.as_ref())
    }

    /// Resolves region and credentials and makes the clients; nothing is sent to a service yet.
    ///
    /// A queue outside AWS is reached at its own address unless `aws.endpoints.sqs` says otherwise.
    pub async fn connect(aws: &Aws, queues: &Queues, limits: &Limits) -> Self {
        let shared = shared(aws, limits).await;
        let queue = aws
            .endpoints
            .sqs
            .clone()
            .or_else(|| outside_aws(&queues.ipni_blob));
        Self {
            dynamodb: dynamodb(&shared, aws.endpoints.dynamodb.as_ref()),
            s3: s3(&shared, aws.endpoints.s3.as_ref()),
            r2: aws.r2.as_ref().map(|settings| r2(&shared, settings)),
            sqs: sqs(&shared, queue.as_ref()),
        }
    }
}

async fn shared(aws: &Aws, limits: &Limits) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts(limits))
        .http_client(http::client())
        .region(Region::new(aws.region.clone()));
    if let Some(credentials) = &aws.credentials {
        loader = loader.credentials_provider(fixed(credentials));
    }
    loader.load().await
}

fn timeouts(limits: &Limits) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(limits.connect)
        .read_timeout(limits.idle)
        .operation_attempt_timeout(limits.call)
        .build()
}

fn fixed(credentials: &Credentials) -> aws_sdk_s3::config::Credentials {
    aws_sdk_s3::config::Credentials::new(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        credentials.session_token.clone(),
        None,
        "sterna settings",
    )
}

/// What a client of a named endpoint starts from: no switch that means another one.
fn at(shared: &SdkConfig, endpoint: Option<&Url>) -> SdkConfig {
    let Some(url) = endpoint else {
        return shared.clone();
    };
    shared
        .to_builder()
        .use_fips(false)
        .use_dual_stack(false)
        .endpoint_url(url.as_str())
        .build()
}

fn dynamodb(shared: &SdkConfig, endpoint: Option<&Url>) -> aws_sdk_dynamodb::Client {
    let mut config = aws_sdk_dynamodb::config::Builder::from(&at(shared, endpoint));
    if let Some(url) = endpoint {
        config = config.endpoint_url(url.as_str());
    }
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

fn s3(shared: &SdkConfig, endpoint: Option<&Url>) -> aws_sdk_s3::Client {
    let mut config = s3_config(&at(shared, endpoint));
    if let Some(url) = endpoint {
        config = config
            .endpoint_url(url.as_str())
            .force_path_style(!is_aws(url));
    }
    aws_sdk_s3::Client::from_conf(config.build())
}

fn r2(shared: &SdkConfig, settings: &R2) -> aws_sdk_s3::Client {
    let config = s3_config(&at(shared, Some(&settings.endpoint)))
        .region(Region::new(settings.region.clone()))
        .credentials_provider(fixed(&settings.credentials))
        .endpoint_url(settings.endpoint.as_str())
        .force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}

/// Stores other than AWS know no trailing checksums, so they are sent only where S3 asks for them.
fn s3_config(shared: &SdkConfig) -> aws_sdk_s3::config::Builder {
    aws_sdk_s3::config::Builder::from(shared)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
}

fn sqs(shared: &SdkConfig, endpoint: Option<&Url>) -> aws_sdk_sqs::Client {
    let mut config = aws_sdk_sqs::config::Builder::from(&at(shared, endpoint));
    if let Some(url) = endpoint {
        config = config.endpoint_url(url.as_str());
    }
    aws_sdk_sqs::Client::from_conf(config.build())
}

/// Whether an endpoint is AWS's own. Of others the name of a bucket need not be a name in the DNS.
fn is_aws(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
}

/// Origin of a queue URL whose host is not AWS's.
fn outside_aws(queue: &Url) -> Option<Url> {
    queue.host_str()?;
    (!is_aws(queue)).then(|| queue.join("/").ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn endpoints_of_others_use_path_style() {
        assert!(is_aws(&url("https://s3.us-west-2.amazonaws.com")));
        assert!(is_aws(&url("https://s3.cn-north-1.amazonaws.com.cn")));
        assert!(!is_aws(&url("http://127.0.0.1:9000")));
        assert!(!is_aws(&url("http://[::1]:9000")));
        assert!(!is_aws(&url("http://minio:9000")));
        assert!(!is_aws(&url("https://amazonaws.com.example.org")));
    }

    #[test]
    fn a_queue_outside_aws_is_its_own_endpoint() {
        let local = outside_aws(&url("http://127.0.0.1:9324/000000000000/blob.fifo")).unwrap();
        assert_eq!(local.as_str(), "http://127.0.0.1:9324/");
        assert!(
            outside_aws(&url(
                "https://sqs.us-west-2.amazonaws.com/505595374361/x.fifo"
            ))
            .is_none()
        );
    }
}
