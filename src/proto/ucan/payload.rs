//! The text that a UCAN signature covers (docs/protocol/ucan.md §2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ipld_core::ipld::Ipld;

use super::{Capability, Caveats, Ucan, UcanError};
use crate::proto::json;

impl Ucan {
    /// The signed text: header and payload of a JWT as DAG-JSON in base64url, with a dot between.
    ///
    /// # Errors
    /// A capability or fact holds a float that is not finite.
    pub fn signed_text(&self) -> Result<String, UcanError> {
        let header = json::encode(&Ipld::Map(self.header()))?;
        let payload = json::encode(&Ipld::Map(self.payload()))?;
        Ok(format!(
            "{}.{}",
            BASE64URL.encode(header),
            BASE64URL.encode(payload)
        ))
    }

    fn header(&self) -> Caveats {
        let mut header = Caveats::new();
        header.insert("alg".into(), self.signature.algorithm().into());
        header.insert("typ".into(), "JWT".into());
        header.insert("ucv".into(), self.version.as_str().into());
        header
    }

    fn payload(&self) -> Caveats {
        let mut payload = Caveats::new();
        let mut put = |name: &str, value: Ipld| drop(payload.insert(name.to_owned(), value));
        put(
            "att",
            Ipld::List(self.capabilities.iter().map(Capability::to_ipld).collect()),
        );
        put("aud", self.audience.as_str().into());
        put(
            "exp",
            self.expiration
                .map_or(Ipld::Null, |seconds| Ipld::Integer(seconds.into())),
        );
        put("iss", self.issuer.as_str().into());
        put(
            "prf",
            Ipld::List(
                self.proofs
                    .iter()
                    .map(|cid| Ipld::String(cid.to_string()))
                    .collect(),
            ),
        );
        if !self.facts.is_empty() {
            put(
                "fct",
                Ipld::List(self.facts.iter().cloned().map(Ipld::Map).collect()),
            );
        }
        if let Some(nonce) = self.nonce.as_ref().filter(|nonce| !nonce.is_empty()) {
            put("nnc", nonce.as_str().into());
        }
        if let Some(seconds) = self.not_before.filter(|seconds| *seconds != 0) {
            put("nbf", Ipld::Integer(seconds.into()));
        }
        payload
    }
}
