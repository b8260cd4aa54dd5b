//! How AWS (and R2, which speaks S3) is reached.

use std::fmt;

use url::Url;

/// AWS settings; what is `None` comes from the standard chain (profiles, roles, `AWS_*` variables).
#[derive(Clone, Debug, Default)]
pub struct Aws {
    /// Region of the network's tables, buckets and queues.
    pub region: String,
    /// Static credentials; `None` asks the standard chain.
    pub credentials: Option<Credentials>,
    /// Endpoints other than AWS's own.
    pub endpoints: AwsEndpoints,
    /// The delegation bucket in R2; `None` reads the S3 bucket alone.
    pub r2: Option<R2>,
}

/// One endpoint per AWS service; S3 endpoints whose host is an IP address use path style.
#[derive(Clone, Debug, Default)]
pub struct AwsEndpoints {
    /// `AWS_ENDPOINT_URL_DYNAMODB`.
    pub dynamodb: Option<Url>,
    /// `AWS_ENDPOINT_URL_S3`.
    pub s3: Option<Url>,
    /// `AWS_ENDPOINT_URL_SQS`.
    pub sqs: Option<Url>,
}

/// Static credentials. The secret never shows in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Session token of temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// The R2 account that holds the delegation bucket.
#[derive(Clone, Debug)]
pub struct R2 {
    /// `R2_ENDPOINT`.
    pub endpoint: Url,
    /// `R2_REGION`, normally `auto`.
    pub region: String,
    /// `R2_DELEGATION_BUCKET_NAME`.
    pub delegation_bucket: String,
    /// `R2_ACCESS_KEY_ID` and `R2_SECRET_ACCESS_KEY`.
    pub credentials: Credentials,
}
