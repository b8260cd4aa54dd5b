//! Who and where the services, tables, buckets and queues are.

use super::environment::Environment;
use super::reader::Reader;
use super::variables::{self, ServiceNames};
use crate::client::{
    Aws, AwsEndpoints, Buckets, Carpark, Credentials, Network, Queues, R2, Reach, Service,
    StorageNode, Tables,
};
use crate::migrations::uploads;
use crate::state;

/// The indexing service alone, for `claims`.
pub(super) fn indexing_service(from: &mut Reader<'_>) -> Option<Service> {
    service(from, &variables::INDEXING)
}

fn service(from: &mut Reader<'_>, names: &ServiceNames) -> Option<Service> {
    let (url, did) = (from.url(names.url), from.did(names.did));
    let keys = from.service_keys(names);
    let did = did?;
    let keys = keys?.into_iter().map(|key| key.with_did(did.clone()));
    Some(Service {
        url: url?,
        keys: keys.collect(),
        did,
    })
}

/// Everything but keys. Each part is read before any is looked at, so that all faults are found.
pub(super) fn network(from: &mut Reader<'_>) -> Option<Network> {
    let upload_service = service(from, &variables::UPLOAD);
    let indexing_service = indexing_service(from);
    let gateway = service(from, &variables::GATEWAY);
    let claims_service = service(from, &variables::CLAIMS);
    let storage_node = storage_node(from);
    let blob_url = from.url_or("BLOB_CARPARK_PUBLIC_URL", "CARPARK_PUBLIC_URL");
    let store_url = from.url_or("STORE_CARPARK_PUBLIC_URL", "CARPARK_PUBLIC_URL");
    let all = from.urls("CARPARK_PUBLIC_URLS");
    let tables = tables(from);
    let buckets = buckets(from);
    let ipni_blob = from.url("IPNI_BLOB_PUBLISHING_QUEUE");
    let ipni_store = from.url("IPNI_STORE_PUBLISHING_QUEUE");
    let storage_providers = from.dids("STORAGE_PROVIDERS");
    let receipts = from.urls("RECEIPTS_PUBLIC_URLS");
    let uploads = from.urls("STORAGE_NODE_UPLOAD_URLS");
    let gateway_subdomains = from.maybe_url("GATEWAY_SUBDOMAIN_URL");
    let reach = match from.sources.environment {
        Environment::Local => Reach::Any,
        Environment::Staging | Environment::Production => Reach::Public,
    };
    let unverified_receipts = from.flag("STERNA_ALLOW_UNVERIFIED_RECEIPTS");
    Some(Network {
        upload_service: upload_service?,
        indexing_service: indexing_service?,
        gateway: gateway?,
        claims_service: claims_service?,
        storage_node: storage_node?,
        carpark: Carpark {
            blob_url: blob_url?,
            store_url: store_url?,
            all: all?,
        },
        tables: tables?,
        buckets: buckets?,
        queues: Queues {
            ipni_blob: ipni_blob?,
            ipni_store: ipni_store?,
        },
        storage_providers: storage_providers?,
        unverified_receipts,
        reach,
        uploads: uploads?,
        receipts: receipts?,
        gateway_subdomains,
    })
}

fn storage_node(from: &mut Reader<'_>) -> Option<StorageNode> {
    let service = service(from, &variables::PIRI);
    let blob_peer_id = from.peer_id("PIRI_PEER_ID");
    let store_peer_id = from.peer_id("STORE_PIRI_PEER_ID");
    Some(StorageNode {
        service: service?,
        blob_peer_id: blob_peer_id?,
        store_peer_id: store_peer_id?,
    })
}

fn tables(from: &mut Reader<'_>) -> Option<Tables> {
    Some(Tables {
        upload: from.text("UPLOAD_TABLE_NAME")?,
        store: from.text("STORE_TABLE_NAME")?,
        allocation: from.text("ALLOCATIONS_TABLE_NAME")?,
        blob_registry: from.text("BLOB_REGISTRY_TABLE_NAME")?,
        consumer: from.text("CONSUMER_TABLE_NAME")?,
        subscription: from.text("SUBSCRIPTION_TABLE_NAME")?,
        delegation: from.text("DELEGATION_TABLE_NAME")?,
        revocation: from.text("REVOCATION_TABLE_NAME")?,
        storage_provider: from.text("STORAGE_PROVIDER_TABLE_NAME")?,
    })
}

fn buckets(from: &mut Reader<'_>) -> Option<Buckets> {
    Some(Buckets {
        claims: from.text("CLAIMS_BUCKET")?,
        delegations: from.text("DELEGATION_BUCKET_NAME")?,
        upload_shards: from.text("UPLOAD_SHARDS_BUCKET_NAME")?,
        ipni_blob: from.text("IPNI_BLOB_PUBLISHING_BUCKET")?,
        ipni_store: from.text("IPNI_STORE_PUBLISHING_BUCKET")?,
    })
}

/// The tables of the uploads migration.
pub(super) fn state_tables(from: &mut Reader<'_>) -> Option<state::Namespace> {
    let customers = from.text("MIGRATION_CUSTOMERS_TABLE_NAME");
    let spaces = from.text("MIGRATION_SPACES_TABLE_NAME");
    let tables = state::Tables {
        progress: from.text("MIGRATION_PROGRESS_TABLE_NAME")?,
        parts: from.text("MIGRATION_PARTS_TABLE_NAME")?,
        failures: from.text("MIGRATION_FAILURES_TABLE_NAME")?,
        fleet: from.text("MIGRATION_FLEET_TABLE_NAME")?,
        control: from.text("MIGRATION_CONTROL_TABLE_NAME")?,
    };
    Some(uploads::named(tables, [customers?, spaces?]))
}

/// How AWS is reached. In the local environment every endpoint must be named, so that a forgotten one cannot
/// mean AWS itself.
pub(super) fn aws(from: &mut Reader<'_>) -> Option<Aws> {
    let region = from.text("AWS_REGION");
    let mut endpoint = |name: &'static str| {
        if from.sources.get(name).is_some() {
            return from.maybe_url(name);
        }
        let common = from.maybe_url("AWS_ENDPOINT_URL");
        if common.is_none() && from.sources.environment == Environment::Local {
            from.lacks(name);
        }
        common
    };
    let endpoints = AwsEndpoints {
        dynamodb: endpoint("AWS_ENDPOINT_URL_DYNAMODB"),
        s3: endpoint("AWS_ENDPOINT_URL_S3"),
        sqs: endpoint("AWS_ENDPOINT_URL_SQS"),
    };
    let r2 = r2(from);
    Some(Aws {
        region: region?,
        credentials: credentials(from),
        endpoints,
        r2,
    })
}

/// Static credentials, when both halves are set.
fn credentials(from: &Reader<'_>) -> Option<Credentials> {
    let get = |name: &str| from.sources.credential(name).map(|value| value.text);
    Some(Credentials {
        access_key_id: get("AWS_ACCESS_KEY_ID")?,
        secret_access_key: get("AWS_SECRET_ACCESS_KEY")?,
        session_token: get("AWS_SESSION_TOKEN"),
    })
}

/// The delegation bucket in R2: all of it or nothing.
fn r2(from: &mut Reader<'_>) -> Option<R2> {
    const PARTS: [&str; 4] = [
        "R2_DELEGATION_BUCKET_NAME",
        "R2_ENDPOINT",
        "R2_ACCESS_KEY_ID",
        "R2_SECRET_ACCESS_KEY",
    ];
    if PARTS.iter().all(|name| from.sources.get(name).is_none()) {
        return None;
    }
    let delegation_bucket = from.text(PARTS[0]);
    let endpoint = from.url(PARTS[1]);
    let access_key_id = from.text(PARTS[2]);
    let secret_access_key = from.text(PARTS[3]);
    let region = from.text("R2_REGION");
    Some(R2 {
        endpoint: endpoint?,
        region: region?,
        delegation_bucket: delegation_bucket?,
        credentials: Credentials {
            access_key_id: access_key_id?,
            secret_access_key: secret_access_key?,
            session_token: None,
        },
    })
}
