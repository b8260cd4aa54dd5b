//! Every environment variable Sterna reads, with what each network's preset says.
//!
//! Names are those of the existing tool where it has one (docs/protocol/tables.md §1).

use super::environment::Environment;

/// A variable and its presets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variable {
    /// Its name.
    pub(super) name: &'static str,
    /// Never shown.
    pub(super) secret: bool,
    /// The variable that counts where this one is not set.
    pub(super) instead: Option<&'static str>,
    /// What holds where nothing sets it.
    pub(super) default: Option<&'static str>,
    local: &'static str,
    staging: &'static str,
    production: &'static str,
}

impl Variable {
    /// What the preset says; `None` when it must come from elsewhere or may be absent.
    pub(super) fn preset(&self, environment: Environment) -> Option<&'static str> {
        let text = match environment {
            Environment::Local => self.local,
            Environment::Staging => self.staging,
            Environment::Production => self.production,
        };
        (!text.is_empty()).then_some(text)
    }
}

/// The variable of that name.
pub(super) fn variable(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.name == name)
}

/// The did:key behind the DID of a service of a real network, by the presets.
pub(super) fn known_key(did: &str) -> Option<&'static str> {
    let of = |name: &str, environment| variable(name)?.preset(environment);
    let networks = [Environment::Production, Environment::Staging].into_iter();
    networks
        .flat_map(|network| SERVICES.iter().map(move |service| (network, service)))
        .find(|(network, service)| of(service.did, *network) == Some(did))
        .and_then(|(network, service)| of(service.keys, network)?.split(',').next())
}

/// The variables that say who a service is.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServiceNames {
    /// Where it is.
    pub(super) url: &'static str,
    /// Who it is.
    pub(super) did: &'static str,
    /// With what it signs.
    pub(super) keys: &'static str,
}

macro_rules! service {
    ($url:literal, $who:literal) => {
        ServiceNames {
            url: $url,
            did: concat!($who, "_DID"),
            keys: concat!($who, "_PUBLIC_KEYS"),
        }
    };
}

pub(super) const UPLOAD: ServiceNames = service!("UPLOAD_SERVICE_URL", "UPLOAD_SERVICE");
pub(super) const INDEXING: ServiceNames = service!("INDEXING_SERVICE_URL", "INDEXING_SERVICE");
pub(super) const GATEWAY: ServiceNames = service!("GATEWAY_SERVICE_URL", "GATEWAY_SERVICE");
pub(super) const CLAIMS: ServiceNames = service!("CONTENT_CLAIMS_SERVICE_URL", "CLAIMS_SERVICE");
pub(super) const PIRI: ServiceNames = service!("PIRI_SERVICE_URL", "PIRI_SERVICE");

const SERVICES: [ServiceNames; 5] = [UPLOAD, INDEXING, GATEWAY, CLAIMS, PIRI];

/// All of them, in the order in which they are shown.
pub(super) fn all() -> &'static [Variable] {
    VARIABLES
}

/// Variables of the existing tool that have no meaning here, so that a misspelt name can be told from a foreign one.
pub(super) const FOREIGN: &[&str] = &[
    "ADMIN_PRIVATE_KEY",
    "BATCH_SIZE",
    "CARPARK_BUCKET",
    "CLAIMS_SERVICE_PRIVATE_KEY",
    "CONTENT_CLAIMS_TABLE_NAME",
    "INDEX_WORKER_URL",
    "IPNI_PUBLISHING_BUCKET",
    "IPNI_PUBLISHING_QUEUE",
    "PIRI_PRIVATE_KEY",
    "SERVICE_PRIVATE_KEY",
];

const fn same(name: &'static str, preset: &'static str) -> Variable {
    row(name, preset, preset, preset)
}

const fn unset(name: &'static str) -> Variable {
    same(name, "")
}

const fn secret(name: &'static str) -> Variable {
    Variable {
        secret: true,
        ..unset(name)
    }
}

/// One in whose place another counts.
const fn else_of(name: &'static str, instead: &'static str) -> Variable {
    Variable {
        instead: Some(instead),
        ..unset(name)
    }
}

/// One that has the same default everywhere.
const fn or(name: &'static str, default: &'static str) -> Variable {
    Variable {
        default: Some(default),
        ..unset(name)
    }
}

const fn row(
    name: &'static str,
    local: &'static str,
    staging: &'static str,
    production: &'static str,
) -> Variable {
    Variable {
        name,
        secret: false,
        instead: None,
        default: None,
        local,
        staging,
        production,
    }
}

/// A table or bucket whose name is a prefix and a common end.
macro_rules! named {
    ($name:literal, $end:literal) => {
        row(
            $name,
            concat!("local-", $end),
            concat!("staging-", $end),
            concat!("prod-", $end),
        )
    };
}

const VARIABLES: &[Variable] = &[
    unset("STORACHA_ENV"),
    unset("STERNA_STATE_DIR"),
    or("STERNA_STATE", "dynamodb"),
    // AWS
    row("AWS_REGION", "us-east-2", "us-east-2", "us-west-2"),
    unset("AWS_ACCESS_KEY_ID"),
    secret("AWS_SECRET_ACCESS_KEY"),
    secret("AWS_SESSION_TOKEN"),
    unset("AWS_ENDPOINT_URL"),
    else_of("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"),
    else_of("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    else_of("AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL"),
    // The network's tables
    named!("UPLOAD_TABLE_NAME", "w3infra-upload"),
    named!("STORE_TABLE_NAME", "w3infra-store"),
    named!("ALLOCATIONS_TABLE_NAME", "w3infra-allocation"),
    named!("BLOB_REGISTRY_TABLE_NAME", "w3infra-blob-registry"),
    named!("CONSUMER_TABLE_NAME", "w3infra-consumer"),
    named!("SUBSCRIPTION_TABLE_NAME", "w3infra-subscription"),
    named!("DELEGATION_TABLE_NAME", "w3infra-delegation"),
    named!("REVOCATION_TABLE_NAME", "w3infra-revocation"),
    named!("STORAGE_PROVIDER_TABLE_NAME", "w3infra-storage-provider"),
    // The migration's own tables
    named!("MIGRATION_CUSTOMERS_TABLE_NAME", "migration-customers"),
    named!("MIGRATION_PROGRESS_TABLE_NAME", "migration-progress"),
    named!("MIGRATION_PARTS_TABLE_NAME", "migration-parts"),
    named!("MIGRATION_SPACES_TABLE_NAME", "migration-spaces"),
    named!("MIGRATION_FAILURES_TABLE_NAME", "migration-failures"),
    named!("MIGRATION_FLEET_TABLE_NAME", "migration-fleet"),
    named!("MIGRATION_CONTROL_TABLE_NAME", "migration-control"),
    // Services
    row(
        "UPLOAD_SERVICE_URL",
        "",
        "https://staging.up.storacha.network",
        "https://up.storacha.network",
    ),
    row(
        "UPLOAD_SERVICE_DID",
        "did:web:up.sterna.test",
        "did:web:staging.up.storacha.network",
        "did:web:up.storacha.network",
    ),
    row(
        "UPLOAD_SERVICE_PUBLIC_KEYS",
        "",
        "did:key:z6MkhcbEpJpEvNVDd3n5RurquVdqs5dPU16JDU5VZTDtFgnn",
        "did:key:z6MkqdncRZ1wj8zxCTDUQ8CRT8NQWd63T7mZRvZUX8B7XDFi",
    ),
    row(
        "RECEIPTS_PUBLIC_URLS",
        "",
        "https://workflow-store-staging-0.s3.us-east-2.amazonaws.com",
        "https://workflow-store-prod-0.s3.us-west-2.amazonaws.com",
    ),
    row(
        "INDEXING_SERVICE_URL",
        "",
        "https://staging.indexer.storacha.network",
        "https://indexer.storacha.network",
    ),
    row(
        "INDEXING_SERVICE_DID",
        "did:web:indexer.sterna.test",
        "did:web:staging.indexer.storacha.network",
        "did:web:indexer.storacha.network",
    ),
    row(
        "INDEXING_SERVICE_PUBLIC_KEYS",
        "",
        "did:key:z6MkszJLAZ1tCHUTfDMKj9srMYA9zzLiPeMXijvmeECUScTZ",
        "did:key:z6MkqMSJxrjzvpqmP3kZhk7eCasBK6DX1jaVaG7wD72LYRm7",
    ),
    row(
        "GATEWAY_SERVICE_URL",
        "",
        "https://staging.w3s.link",
        "https://w3s.link",
    ),
    row(
        "GATEWAY_SERVICE_DID",
        "did:web:gateway.sterna.test",
        "did:web:staging.w3s.link",
        "did:web:w3s.link",
    ),
    row(
        "GATEWAY_SERVICE_PUBLIC_KEYS",
        "",
        "did:key:z6MkqK1d4thaCEXSGZ6EchJw3tDPhQriwynWDuR55ayATMNf",
        "did:key:z6Mkha3NLZ38QiZXsUHKRHecoumtha3LnbYEL21kXYBFXvo5",
    ),
    row(
        "GATEWAY_SUBDOMAIN_URL",
        "",
        "https://ipfs-staging.w3s.link",
        "https://ipfs.w3s.link",
    ),
    row(
        "CONTENT_CLAIMS_SERVICE_URL",
        "",
        "https://staging.claims.web3.storage",
        "https://claims.web3.storage",
    ),
    row(
        "CLAIMS_SERVICE_DID",
        "did:web:claims.sterna.test",
        "did:web:staging.claims.web3.storage",
        "did:web:claims.web3.storage",
    ),
    unset("CLAIMS_SERVICE_PUBLIC_KEYS"),
    row(
        "PIRI_SERVICE_URL",
        "",
        "https://staging.storage.storacha.network",
        "https://storage.storacha.network",
    ),
    row(
        "PIRI_SERVICE_DID",
        "did:web:storage.sterna.test",
        "did:web:staging.storage.storacha.network",
        "did:web:storage.storacha.network",
    ),
    unset("PIRI_SERVICE_PUBLIC_KEYS"),
    unset("STORAGE_NODE_UPLOAD_URLS"),
    row(
        "PIRI_PEER_ID",
        "",
        "12D3KooWPMQTKSMA3eFUxc23gBfMHEgzfk7W1TBezKNsBwPMRLQ7",
        "12D3KooWLiYS7k5GnBcngSRHemu98HQ1yqzJdYQcqqa2kpDDX9hf",
    ),
    row(
        "STORE_PIRI_PEER_ID",
        "",
        "12D3KooWBvQHQbfyBdpmvugFoVL6SU2t7FZMwAyU3Xv6fEEPVVUp",
        "12D3KooWRtp2RJzFqWxUa2nrHbuEBuAEJMy7XNdnehB32PyL3dJQ",
    ),
    row(
        "STORAGE_PROVIDERS",
        "did:web:up.sterna.test",
        "did:web:staging.up.storacha.network,did:web:staging.web3.storage",
        "did:web:up.storacha.network,did:web:web3.storage",
    ),
    // Carpark, buckets, queues
    row(
        "CARPARK_PUBLIC_URL",
        "",
        "https://carpark-staging-0.r2.w3s.link",
        "https://carpark-prod-0.r2.w3s.link",
    ),
    row(
        "CARPARK_PUBLIC_URLS",
        "",
        "https://carpark-staging-0.r2.w3s.link",
        "https://carpark-prod-0.r2.w3s.link,https://carpark-prod-1.r2.w3s.link",
    ),
    else_of("BLOB_CARPARK_PUBLIC_URL", "CARPARK_PUBLIC_URL"),
    else_of("STORE_CARPARK_PUBLIC_URL", "CARPARK_PUBLIC_URL"),
    named!("CLAIMS_BUCKET", "storage-claim-store-bucket"),
    row(
        "DELEGATION_BUCKET_NAME",
        "delegation-local-0",
        "delegation-staging-0",
        "delegation-prod-0",
    ),
    row(
        "UPLOAD_SHARDS_BUCKET_NAME",
        "upload-shards-local-0",
        "upload-shards-staging-0",
        "upload-shards-prod-0",
    ),
    named!("IPNI_BLOB_PUBLISHING_BUCKET", "storage-ipni-publisher"),
    row(
        "IPNI_STORE_PUBLISHING_BUCKET",
        "store-protocol-local-storage-ipni-publisher",
        "store-protocol-staging-storage-ipni-publisher",
        "store-protocol-storage-ipni-publisher",
    ),
    row(
        "IPNI_BLOB_PUBLISHING_QUEUE",
        "",
        "https://sqs.us-east-2.amazonaws.com/505595374361/staging-storage-ipni-publisher.fifo",
        "https://sqs.us-west-2.amazonaws.com/505595374361/prod-storage-ipni-publisher.fifo",
    ),
    row(
        "IPNI_STORE_PUBLISHING_QUEUE",
        "",
        "https://sqs.us-east-2.amazonaws.com/505595374361/store-protocol-staging-storage-ipni-publisher.fifo",
        "https://sqs.us-west-2.amazonaws.com/505595374361/store-protocol-storage-ipni-publisher.fifo",
    ),
    unset("R2_DELEGATION_BUCKET_NAME"),
    unset("R2_ENDPOINT"),
    same("R2_REGION", "auto"),
    unset("R2_ACCESS_KEY_ID"),
    secret("R2_SECRET_ACCESS_KEY"),
    // Keys and proofs
    secret("MIGRATION_AGENT_PRIVATE_KEY"),
    secret("UPLOAD_SERVICE_PRIVATE_KEY"),
    secret("GATEWAY_PRIVATE_KEY"),
    secret("INDEXING_SERVICE_PROOF"),
    secret("MIGRATION_ENCRYPTION_KEY"),
    // Ways of running
    row("STERNA_ALLOW_UNVERIFIED_RECEIPTS", "true", "true", "false"),
    or("DRY_RUN", "false"),
    or("MAX_CONCURRENCY", "10"),
    or("STERNA_LEASE_TERM", "60"),
];
