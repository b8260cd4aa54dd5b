//! `GET /cid/{cid}`: what IPNI has, in IPNI's own form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::advert;
use crate::proto::multihash::Multihash;
use crate::sandbox::indexer::record::Record;
use crate::sandbox::network::Network;

/// The answer for a hash; nothing if IPNI has nothing.
pub(crate) fn answer(network: &Network, digest: &Multihash) -> Option<Value> {
    let records = advert::found(network, digest);
    if records.is_empty() {
        return None;
    }
    let results: Vec<Value> = records.iter().map(provider_result).collect();
    let hash = BASE64.encode(digest.as_bytes());
    Some(json!({ "MultihashResults": [{ "Multihash": hash, "ProviderResults": results }] }))
}

fn provider_result(record: &Record) -> Value {
    let addresses: Vec<String> = record
        .provider
        .addresses
        .iter()
        .map(ToString::to_string)
        .collect();
    json!({
        "ContextID": BASE64.encode(&record.context),
        "Metadata": BASE64.encode(&record.metadata),
        "Provider": { "ID": record.provider.peer.to_string(), "Addrs": addresses },
    })
}
