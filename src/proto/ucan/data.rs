//! The fields of a UCAN block (docs/protocol/ucan.md §1).

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::{Capability, Caveats, UcanError};
use crate::proto::{Did, Signature, cbor};

/// One entry of `fct`.
pub type Fact = Caveats;

/// The version that is written.
pub(super) const VERSION: &str = "0.9.1";

/// The fields of a UCAN as decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Ucan {
    /// Version text, `0.9.1`.
    pub version: String,
    /// Who grants.
    pub issuer: Did,
    /// Who is granted.
    pub audience: Did,
    /// What is granted.
    pub capabilities: Vec<Capability>,
    /// Unix seconds at which it ends; `None` = never.
    pub expiration: Option<u64>,
    /// Unix seconds until which it does not hold yet; `None` and 0 = always.
    pub not_before: Option<u64>,
    /// Text that makes the CID another one. `None` and empty are different bytes with equal signatures.
    pub nonce: Option<String>,
    /// Statements beside the grant.
    pub facts: Vec<Fact>,
    /// Links of the delegations that this one rests on.
    pub proofs: Vec<Cid>,
    /// The signature over [`Ucan::signed_text`].
    pub signature: Signature,
}

impl Ucan {
    /// Reads the DAG-CBOR bytes of a UCAN block. Key order does not matter, `prf`, `fct` and `nb` may be missing.
    ///
    /// # Errors
    /// The bytes are no DAG-CBOR map, the version is not 0.9, or a field is missing or malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self, UcanError> {
        let Ipld::Map(mut fields) = cbor::decode(bytes)? else {
            return Err(UcanError::Field("the block is not a map"));
        };
        let mut take = |name: &str| fields.remove(name);
        Ok(Self {
            version: version(take("v"))?,
            issuer: principal(take("iss"))?,
            audience: principal(take("aud"))?,
            capabilities: list(take("att").ok_or(UcanError::Field("att is missing"))?)?
                .into_iter()
                .map(Capability::from_ipld)
                .collect::<Result<_, _>>()?,
            expiration: seconds(&take("exp").ok_or(UcanError::Field("exp is missing"))?)?,
            not_before: take("nbf").as_ref().map_or(Ok(None), seconds)?,
            nonce: match take("nnc") {
                None => None,
                Some(Ipld::String(nonce)) => Some(nonce),
                Some(_) => return Err(UcanError::Field("nnc is not text")),
            },
            facts: take("fct")
                .map_or(Ok(Vec::new()), list)?
                .into_iter()
                .map(fact)
                .collect::<Result<_, _>>()?,
            proofs: take("prf")
                .map_or(Ok(Vec::new()), list)?
                .iter()
                .map(link)
                .collect::<Result<_, _>>()?,
            signature: match take("s") {
                Some(Ipld::Bytes(bytes)) => Signature::from_bytes(&bytes)?,
                _ => return Err(UcanError::Field("s is not bytes")),
            },
        })
    }

    /// Writes the DAG-CBOR bytes.
    pub(super) fn encode(&self) -> Result<Vec<u8>, UcanError> {
        let mut fields = Caveats::new();
        let mut put = |name: &str, value: Ipld| drop(fields.insert(name.to_owned(), value));
        put("s", self.signature.as_bytes().to_vec().into());
        put("v", self.version.clone().into());
        put(
            "att",
            Ipld::List(self.capabilities.iter().map(Capability::to_ipld).collect()),
        );
        put("aud", self.audience.to_bytes().into());
        put(
            "exp",
            self.expiration
                .map_or(Ipld::Null, |seconds| Ipld::Integer(seconds.into())),
        );
        put("iss", self.issuer.to_bytes().into());
        put(
            "prf",
            Ipld::List(self.proofs.iter().copied().map(Ipld::Link).collect()),
        );
        if !self.facts.is_empty() {
            put(
                "fct",
                Ipld::List(self.facts.iter().cloned().map(Ipld::Map).collect()),
            );
        }
        if let Some(nonce) = &self.nonce {
            put("nnc", nonce.clone().into());
        }
        if let Some(seconds) = self.not_before.filter(|seconds| *seconds != 0) {
            put("nbf", Ipld::Integer(seconds.into()));
        }
        Ok(cbor::encode(&Ipld::Map(fields))?)
    }
}

fn version(value: Option<Ipld>) -> Result<String, UcanError> {
    match value {
        Some(Ipld::String(version)) if version.starts_with("0.9.") && version.len() < 16 => {
            Ok(version)
        }
        Some(Ipld::String(version)) => Err(UcanError::Version(version.chars().take(80).collect())),
        _ => Err(UcanError::Field("v is not text")),
    }
}

fn principal(value: Option<Ipld>) -> Result<Did, UcanError> {
    match value {
        Some(Ipld::Bytes(bytes)) => Ok(Did::from_bytes(&bytes)?),
        _ => Err(UcanError::Field("iss or aud is not bytes")),
    }
}

fn seconds(value: &Ipld) -> Result<Option<u64>, UcanError> {
    match value {
        Ipld::Null => Ok(None),
        Ipld::Integer(seconds) => Ok(Some(
            u64::try_from(*seconds).map_err(|_| UcanError::Field("exp or nbf is negative"))?,
        )),
        _ => Err(UcanError::Field("exp or nbf is not an integer")),
    }
}

fn list(value: Ipld) -> Result<Vec<Ipld>, UcanError> {
    match value {
        Ipld::List(items) => Ok(items),
        _ => Err(UcanError::Field("att, fct or prf is not a list")),
    }
}

fn fact(value: Ipld) -> Result<Fact, UcanError> {
    match value {
        Ipld::Map(fact) => Ok(fact),
        _ => Err(UcanError::Field("fct holds something that is not a map")),
    }
}

fn link(value: &Ipld) -> Result<Cid, UcanError> {
    match value {
        Ipld::Link(cid) => Ok(*cid),
        _ => Err(UcanError::Field("prf holds something that is not a link")),
    }
}
