//! Typed values out of the layers, with every fault kept.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use url::Url;

use super::address::check_url;
use super::environment::Environment;
use super::fault::{Fault, Faults};
use super::origin::{Origin, Value};
use super::sources::Sources;
use super::variables::ServiceNames;
use crate::client::EncryptionKey;
use crate::proto::did::Did;
use crate::proto::key::{Signer, Verifier};
use crate::state::Backend;

/// Reads values by name; what is wrong is kept until [`Reader::finish`].
pub(super) struct Reader<'a> {
    pub(super) sources: &'a Sources,
    faults: Faults,
    missing: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sources: &'a Sources, faults: Faults) -> Self {
        Self {
            sources,
            faults,
            missing: Vec::new(),
        }
    }

    /// The value, or every fault.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T, Faults> {
        let missing = std::mem::take(&mut self.missing);
        if !missing.is_empty() && self.local_network_is_absent() {
            self.faults.push(no_local_network(self.sources, &missing));
        } else {
            for name in missing {
                self.faults.push(Fault {
                    name: name.into(),
                    origin: None,
                    problem: "is not set".into(),
                    remedy: self.how_to_set(name),
                });
            }
        }
        self.faults.or(value)
    }

    fn local_network_is_absent(&self) -> bool {
        self.sources.environment == Environment::Local && self.sources.local_network.is_none()
    }

    fn how_to_set(&self, name: &str) -> String {
        match self.sources.environment {
            Environment::Local => {
                "start the local network again with `sterna sandbox start`".into()
            }
            other => format!("set {name} in the environment or in .env-{other}"),
        }
    }

    /// Keeps a fault about the value of `name`.
    pub(super) fn reject(
        &mut self,
        name: &'static str,
        origin: &Origin,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.faults.push(Fault {
            name: name.into(),
            origin: Some(origin.to_string()),
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }

    /// Keeps a fault about a name without a value.
    pub(super) fn lacks(&mut self, name: &'static str) {
        if !self.missing.contains(&name) {
            self.missing.push(name);
        }
    }

    /// A value that must be there.
    pub(super) fn value(&mut self, name: &'static str) -> Option<Value> {
        let value = self.sources.get(name);
        if value.is_none() {
            self.lacks(name);
        }
        value
    }

    /// A text that must be there.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.value(name).map(|value| value.text)
    }

    /// A DID that must be there.
    pub(super) fn did(&mut self, name: &'static str) -> Option<Did> {
        let value = self.value(name)?;
        self.parse_did(name, &value, &value.text)
    }

    /// DIDs, comma-separated.
    pub(super) fn dids(&mut self, name: &'static str) -> Option<Vec<Did>> {
        let value = self.value(name)?;
        let texts = value.text.split(',').map(str::trim);
        let parsed: Vec<Option<Did>> = texts
            .filter(|text| !text.is_empty())
            .map(|text| self.parse_did(name, &value, text))
            .collect();
        parsed.into_iter().collect()
    }

    fn parse_did(&mut self, name: &'static str, value: &Value, text: &str) -> Option<Did> {
        Did::from_str(text)
            .map_err(|error| {
                let problem = format!("`{text}` is not a DID: {error}");
                self.reject(name, &value.origin, problem, "write did:web:… or did:key:…");
            })
            .ok()
    }

    /// The public keys of a service, with commas between them; none if none are set. Those of a preset count only for the
    /// service of the preset: whoever points it elsewhere has other keys.
    pub(super) fn service_keys(&mut self, service: &ServiceNames) -> Option<Vec<Verifier>> {
        let Some(value) = self.sources.get(service.keys) else {
            return Some(Vec::new());
        };
        let is_preset = |value: &Value| matches!(value.origin, Origin::Preset(_));
        let mut named = [service.url, service.did].into_iter();
        let is_elsewhere =
            named.any(|name| !self.sources.get(name).as_ref().is_some_and(is_preset));
        if is_preset(&value) && is_elsewhere {
            return Some(Vec::new());
        }
        let texts = value.text.split(',').map(str::trim);
        let parsed: Vec<Option<Verifier>> = texts
            .filter(|text| !text.is_empty())
            .map(|text| self.public_key(service.keys, &value, text))
            .collect();
        parsed.into_iter().collect()
    }

    fn public_key(&mut self, name: &'static str, value: &Value, text: &str) -> Option<Verifier> {
        let did = self.parse_did(name, value, text)?;
        let key = Verifier::from_did(&did);
        if key.is_err() {
            let problem = format!("`{text}` is not the did:key of an ed25519 key");
            self.reject(name, &value.origin, problem, "write did:key:z6Mk…");
        }
        key.ok()
    }

    /// An `http(s)` address that must be there, under `name` or else under `instead`.
    pub(super) fn url_or(&mut self, name: &'static str, instead: &'static str) -> Option<Url> {
        if self.sources.get(name).is_some() {
            self.url(name)
        } else {
            self.url(instead)
        }
    }

    /// An `http(s)` address that must be there.
    pub(super) fn url(&mut self, name: &'static str) -> Option<Url> {
        let value = self.value(name)?;
        self.parse_url(name, &value)
    }

    /// `http(s)` addresses with commas between them; none if it is not there.
    pub(super) fn urls(&mut self, name: &'static str) -> Option<Vec<Url>> {
        let Some(Value { text, origin }) = self.sources.get(name) else {
            return Some(Vec::new());
        };
        let one = |text: &str| Value {
            text: text.to_owned(),
            origin: origin.clone(),
        };
        let texts = text.split(',').map(str::trim);
        let values: Vec<Value> = texts.filter(|text| !text.is_empty()).map(one).collect();
        let parsed: Vec<Option<Url>> = values
            .iter()
            .map(|value| self.parse_url(name, value))
            .collect();
        parsed.into_iter().collect()
    }

    /// An `http(s)` address that may be there; `None` also when it is wrong, which is kept.
    pub(super) fn maybe_url(&mut self, name: &'static str) -> Option<Url> {
        let value = self.sources.get(name)?;
        self.parse_url(name, &value)
    }

    fn parse_url(&mut self, name: &'static str, value: &Value) -> Option<Url> {
        let Value { text, origin } = value;
        match check_url(text, self.sources.environment) {
            Ok(url) => Some(url),
            Err((problem, remedy)) => {
                self.reject(name, origin, problem, remedy);
                None
            }
        }
    }

    /// A switch: `true`, `1` or `yes`, or the opposite; off when it is not set.
    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        let Some(value) = self.sources.get(name) else {
            return false;
        };
        match value.text.as_str() {
            "true" | "1" | "yes" => true,
            "false" | "0" | "no" => false,
            other => {
                let problem = format!("`{other}` is neither true nor false");
                self.reject(name, &value.origin, problem, "write true or false");
                false
            }
        }
    }

    /// A positive number that may be there.
    pub(super) fn number(&mut self, name: &'static str) -> Option<usize> {
        let value = self.sources.get(name)?;
        let number = value.text.parse().ok().filter(|number| *number > 0);
        if number.is_none() {
            let problem = format!("`{}` is not a positive number", value.text);
            self.reject(name, &value.origin, problem, "write a number from 1 up");
        }
        number
    }

    /// Where rows are kept; at `usual` if nobody says.
    pub(super) fn backend(&mut self, usual: Backend) -> Option<Backend> {
        let value = self.sources.get("STERNA_STATE");
        let named = value.filter(|value| value.origin != Origin::Default);
        let Some(value) = named else {
            return Some(usual);
        };
        let backend = value.text.parse();
        let reject = |problem: String| {
            self.reject("STERNA_STATE", &value.origin, problem, Backend::FORMS);
        };
        backend.map_err(reject).ok()
    }

    /// A time in whole seconds that may be there.
    pub(super) fn seconds(
        &mut self,
        name: &'static str,
        allowed: RangeInclusive<u64>,
    ) -> Option<Duration> {
        let value = self.sources.get(name)?;
        let number = value.text.parse().ok();
        let number = number.filter(|number| allowed.contains(number));
        if number.is_none() {
            let (least, most) = (allowed.start(), allowed.end());
            let problem = format!("`{}` is not a valid number of seconds", value.text);
            let remedy = format!("write a whole number from {least} to {most}");
            self.reject(name, &value.origin, problem, remedy);
        }
        number.map(Duration::from_secs)
    }

    /// A peer id in base58btc that must be there.
    pub(super) fn peer_id(&mut self, name: &'static str) -> Option<String> {
        let value = self.value(name)?;
        if is_ed25519_peer_id(&value.text) {
            return Some(value.text);
        }
        let problem = format!("`{}` is not an ed25519 peer id", value.text);
        self.reject(name, &value.origin, problem, "write 12D3KooW…");
        None
    }

    /// A private key that must be there, with where it was found.
    pub(super) fn signer(&mut self, name: &'static str) -> Option<(Signer, Origin)> {
        let value = self.value(name)?;
        match Signer::parse(value.text.trim()) {
            Ok(signer) => Some((signer, value.origin)),
            Err(error) => {
                let problem = format!("is not a private key: {error}");
                let remedy = "paste the whole `M…` text of an ed25519 key";
                self.reject(name, &value.origin, problem, remedy);
                None
            }
        }
    }

    /// The key that seals keys.
    pub(super) fn encryption_key(&mut self, name: &'static str) -> Option<EncryptionKey> {
        let value = self.value(name)?;
        let engine = base64::engine::general_purpose::STANDARD;
        let problem = match engine.decode(value.text.trim()) {
            Err(_) => "is not base64".to_owned(),
            Ok(bytes) => match <[u8; 32]>::try_from(bytes.as_slice()) {
                Ok(key) => return Some(EncryptionKey::new(key)),
                Err(_) => format!("holds {} bytes, not 32", bytes.len()),
            },
        };
        let remedy = "write the base64 of the 32 bytes that sealed the migration spaces so far; \
                      generate new ones only for a first run: `openssl rand -base64 32`";
        self.reject(name, &value.origin, problem, remedy);
        None
    }
}

fn no_local_network(sources: &Sources, missing: &[&str]) -> Fault {
    Fault {
        name: "local network".into(),
        origin: None,
        problem: format!(
            "{} does not exist, and nothing else sets {}",
            sources.state_dir.join("local/sandbox.env").display(),
            missing.join(", ")
        ),
        remedy: "start one with `sterna sandbox start`, or choose a network with --env staging or \
                 --env production"
            .into(),
    }
}

/// Base58btc of the identity multihash of an ed25519 key (docs/protocol/ipni.md §4).
fn is_ed25519_peer_id(text: &str) -> bool {
    const HEAD: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
    multibase::Base::Base58Btc
        .decode(text)
        .is_ok_and(|bytes| bytes.len() == HEAD.len() + 32 && bytes.starts_with(&HEAD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_ids_are_told_from_other_texts() {
        assert!(is_ed25519_peer_id(
            "12D3KooWLiYS7k5GnBcngSRHemu98HQ1yqzJdYQcqqa2kpDDX9hf"
        ));
        assert!(!is_ed25519_peer_id(
            "12D3KooWLiYS7k5GnBcngSRHemu98HQ1yqzJdYQcqqa2kpDDX9h"
        ));
        assert!(!is_ed25519_peer_id(
            "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"
        ));
    }
}
