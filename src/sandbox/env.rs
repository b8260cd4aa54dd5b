//! What a client must know of a local network, as environment variables and as one JSON object.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::config::SandboxError;
use super::identity::{CLAIMS_DID, GATEWAY_DID, INDEXER_DID, NODE_DID, UPLOAD_DID};
use super::layout::{ACCESS_KEY, MIGRATION_TABLE_PREFIX, REGION, SECRET_KEY, Table, bucket, queue};
use super::network::Network;
use super::service::Service;
use crate::proto::did::Did;
use crate::proto::key::Signer;
use crate::proto::ucan::{self, Capability, Draft, Expiration};

/// The file of variables in the folder of a network.
pub(super) const FILE: &str = "sandbox.env";
/// The file of the description in it.
pub(super) const DESCRIPTION: &str = "description.json";

/// Every variable, in order of name. Holds secrets of this network.
pub(super) fn variables(network: &Network) -> Result<Vec<(String, String)>, SandboxError> {
    let mut all = BTreeMap::new();
    all.extend(aws(network));
    all.extend(services(network));
    all.extend(names(network));
    all.extend(secrets(network)?);
    Ok(all
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect())
}

/// The variables as a file that shells and `.env` readers take.
pub(super) fn file(variables: &[(String, String)]) -> String {
    variables
        .iter()
        .fold(String::new(), |mut text, (name, value)| {
            writeln!(text, "{name}={value}").expect("writing to a String cannot fail");
            text
        })
}

/// Endpoints, DIDs and environment. Holds secrets of this network.
pub(super) fn description(network: &Network) -> Result<Value, SandboxError> {
    let env: BTreeMap<String, String> = variables(network)?.into_iter().collect();
    Ok(described(network, &json!(env)))
}

/// The description without secrets, and where all of it is.
pub(super) fn notice(network: &Network) -> Value {
    let mut env = BTreeMap::new();
    env.extend(aws(network));
    env.extend(services(network));
    env.extend(names(network));
    env.retain(|name, _| !name.ends_with("SECRET_ACCESS_KEY"));
    let mut notice = described(network, &json!(env));
    notice["description"] = json!(network.dir.join(DESCRIPTION));
    notice["env_file"] = json!(network.dir.join(FILE));
    notice
}

fn described(network: &Network, env: &Value) -> Value {
    let endpoints: BTreeMap<&str, String> = Service::ALL
        .into_iter()
        .map(|service| (service.name(), network.urls.of(service)))
        .collect();
    json!({
        "schema": "sterna.sandbox",
        "version": 1,
        "dir": network.dir,
        "endpoints": endpoints,
        "dids": {
            "upload": UPLOAD_DID,
            "indexer": INDEXER_DID,
            "gateway": GATEWAY_DID,
            "node": NODE_DID,
            "claims": CLAIMS_DID,
            "migration": network.keys.migration.did().as_str(),
        },
        "keys": {
            "upload": network.keys.upload.key_did().as_str(),
            "indexer": network.keys.indexer.key_did().as_str(),
            "gateway": network.keys.gateway.key_did().as_str(),
            "node": network.keys.node.key_did().as_str(),
            "claims": network.keys.claims.key_did().as_str(),
        },
        "env": env,
    })
}

fn aws(network: &Network) -> [(&'static str, String); 14] {
    let s3 = network.urls.of(Service::S3);
    [
        ("STORACHA_ENV", "local".to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        (
            "AWS_ENDPOINT_URL_DYNAMODB",
            network.urls.of(Service::DynamoDb),
        ),
        ("AWS_ENDPOINT_URL_S3", s3.clone()),
        ("AWS_ENDPOINT_URL_SQS", network.urls.of(Service::Sqs)),
        // No machine of ours has the metadata service; waiting for it is slow.
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("R2_ENDPOINT", s3),
        ("R2_REGION", REGION.to_owned()),
        ("R2_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("R2_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ("R2_DELEGATION_BUCKET_NAME", bucket::DELEGATIONS.to_owned()),
    ]
}

fn services(network: &Network) -> [(&'static str, String); 18] {
    let urls = &network.urls;
    let carpark = urls.of(Service::Carpark);
    [
        ("UPLOAD_SERVICE_URL", urls.of(Service::Upload)),
        ("UPLOAD_SERVICE_DID", UPLOAD_DID.to_owned()),
        ("INDEXING_SERVICE_URL", urls.of(Service::Indexer)),
        ("INDEXING_SERVICE_DID", INDEXER_DID.to_owned()),
        ("GATEWAY_SERVICE_URL", urls.of(Service::Gateway)),
        ("GATEWAY_SERVICE_DID", GATEWAY_DID.to_owned()),
        // Nobody calls the old claims service; its URL must still be one.
        ("CONTENT_CLAIMS_SERVICE_URL", urls.of(Service::Indexer)),
        ("CLAIMS_SERVICE_DID", CLAIMS_DID.to_owned()),
        ("PIRI_SERVICE_URL", urls.of(Service::Node)),
        ("PIRI_SERVICE_DID", NODE_DID.to_owned()),
        ("PIRI_PEER_ID", peer_id(&network.keys.node)),
        ("STORE_PIRI_PEER_ID", peer_id(&network.keys.store_node)),
        ("INDEX_WORKER_URL", urls.of(Service::IndexWorker)),
        ("CARPARK_PUBLIC_URL", carpark.clone()),
        ("BLOB_CARPARK_PUBLIC_URL", carpark.clone()),
        ("STORE_CARPARK_PUBLIC_URL", carpark),
        ("STORAGE_PROVIDERS", UPLOAD_DID.to_owned()),
        ("SANDBOX_CONTROL_URL", urls.of(Service::Control)),
    ]
}

fn names(network: &Network) -> [(&'static str, String); 26] {
    let table = |table: Table| table.name().to_owned();
    let migration = |name: &str| format!("{MIGRATION_TABLE_PREFIX}{name}");
    let urls = &network.urls;
    [
        ("UPLOAD_TABLE_NAME", table(Table::Upload)),
        ("STORE_TABLE_NAME", table(Table::Store)),
        ("ALLOCATIONS_TABLE_NAME", table(Table::Allocation)),
        ("BLOB_REGISTRY_TABLE_NAME", table(Table::BlobRegistry)),
        ("CONSUMER_TABLE_NAME", table(Table::Consumer)),
        ("SUBSCRIPTION_TABLE_NAME", table(Table::Subscription)),
        ("DELEGATION_TABLE_NAME", table(Table::Delegation)),
        ("CONTENT_CLAIMS_TABLE_NAME", table(Table::Claims)),
        ("REVOCATION_TABLE_NAME", table(Table::Revocation)),
        ("STORAGE_PROVIDER_TABLE_NAME", table(Table::StorageProvider)),
        ("MIGRATION_FAILURES_TABLE_NAME", migration("failures")),
        ("MIGRATION_FLEET_TABLE_NAME", migration("fleet")),
        ("MIGRATION_CONTROL_TABLE_NAME", migration("control")),
        ("MIGRATION_PARTS_TABLE_NAME", migration("parts")),
        ("MIGRATION_SPACES_TABLE_NAME", migration("spaces")),
        ("MIGRATION_PROGRESS_TABLE_NAME", migration("progress")),
        ("MIGRATION_CUSTOMERS_TABLE_NAME", migration("customers")),
        ("CARPARK_BUCKET", bucket::CARPARK.to_owned()),
        ("CLAIMS_BUCKET", bucket::CLAIMS.to_owned()),
        ("DELEGATION_BUCKET_NAME", bucket::OLD_DELEGATIONS.to_owned()),
        (
            "UPLOAD_SHARDS_BUCKET_NAME",
            bucket::UPLOAD_SHARDS.to_owned(),
        ),
        ("IPNI_BLOB_PUBLISHING_BUCKET", bucket::IPNI_BLOB.to_owned()),
        (
            "IPNI_STORE_PUBLISHING_BUCKET",
            bucket::IPNI_STORE.to_owned(),
        ),
        ("REPORTS_BUCKET_NAME", bucket::REPORTS.to_owned()),
        ("IPNI_BLOB_PUBLISHING_QUEUE", urls.queue(queue::IPNI_BLOB)),
        ("IPNI_STORE_PUBLISHING_QUEUE", urls.queue(queue::IPNI_STORE)),
    ]
}

fn secrets(network: &Network) -> Result<[(&'static str, String); 9], SandboxError> {
    let keys = &network.keys;
    Ok([
        (
            "MIGRATION_AGENT_PRIVATE_KEY",
            keys.migration.to_secret_text(),
        ),
        ("UPLOAD_SERVICE_PRIVATE_KEY", keys.upload.to_secret_text()),
        ("GATEWAY_PRIVATE_KEY", keys.gateway.to_secret_text()),
        ("CLAIMS_SERVICE_PRIVATE_KEY", keys.claims.to_secret_text()),
        ("PIRI_PRIVATE_KEY", keys.node.to_secret_text()),
        (
            "INDEXING_SERVICE_PROOF",
            proof(&keys.indexer, keys.migration.did(), "claim/cache")?,
        ),
        (
            "GATEWAY_VALIDATOR_PROOF",
            proof(&keys.gateway, keys.upload.did(), "ucan/attest")?,
        ),
        ("SANDBOX_CONTROL_TOKEN", network.token.as_str().to_owned()),
        ("MIGRATION_ENCRYPTION_KEY", STANDARD.encode(keys.encryption)),
    ])
}

/// The proof string of a delegation of an ability on the issuer itself, without end.
fn proof(issuer: &Signer, audience: &Did, can: &str) -> Result<String, SandboxError> {
    let made = Draft::new(issuer, audience)
        .capability(Capability::new(can, issuer.did().as_str()))
        .expiration(Expiration::Never)
        .sign()
        .and_then(|delegation| ucan::format_proof(&delegation));
    made.map_err(|error| SandboxError::Proof {
        what: "a proof",
        reason: error.to_string(),
    })
}

/// The peer id of a key: base58 of the identity multihash of its public key (docs/protocol/ipni.md §4).
pub(super) fn peer_id(signer: &Signer) -> String {
    let mut bytes = vec![0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
    bytes.extend(signer.key_did().to_bytes().iter().skip(2));
    multibase::Base::Base58Btc.encode(bytes)
}
