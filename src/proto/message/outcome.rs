//! The receipt block (docs/protocol/transport.md §3).

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::MessageError;
use crate::proto::ucan::Caveats;
use crate::proto::{Did, Signature, Signer, cbor};

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Success, with a value.
    Ok(Ipld),
    /// Failure; a map with `name` and, mostly, `message`.
    Err(Ipld),
}

impl Outcome {
    /// A failure with a name and a message.
    #[must_use]
    pub fn error(name: &str, message: &str) -> Self {
        let text = |text: &str| Ipld::String(text.to_owned());
        Self::Err(Ipld::Map(
            [
                ("name".to_owned(), text(name)),
                ("message".to_owned(), text(message)),
            ]
            .into(),
        ))
    }

    /// Success with an empty map.
    #[must_use]
    pub fn done() -> Self {
        Self::Ok(Ipld::Map([].into()))
    }

    /// The value of a success.
    #[must_use]
    pub fn ok(&self) -> Option<&Ipld> {
        match self {
            Self::Ok(value) => Some(value),
            Self::Err(_) => None,
        }
    }

    /// The value of a failure.
    #[must_use]
    pub fn err(&self) -> Option<&Ipld> {
        match self {
            Self::Ok(_) => None,
            Self::Err(value) => Some(value),
        }
    }
}

/// The fields of a receipt block, and the bytes that its signature covers.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) ran: Cid,
    pub(super) outcome: Outcome,
    pub(super) fork: Vec<Cid>,
    pub(super) join: Option<Cid>,
    pub(super) issuer: Option<Did>,
    pub(super) proofs: Vec<Cid>,
    pub(super) signature: Signature,
    pub(super) signed: Vec<u8>,
    ocm: Ipld,
}

impl Model {
    /// Writes the `ocm` map and signs it.
    pub(super) fn sign(
        issuer: &Signer,
        ran: Cid,
        outcome: Outcome,
        fork: Vec<Cid>,
        join: Option<Cid>,
    ) -> Result<Self, MessageError> {
        let mut effects = Caveats::new();
        effects.insert(
            "fork".into(),
            Ipld::List(fork.iter().copied().map(Ipld::Link).collect()),
        );
        effects.extend(join.map(|cid| ("join".to_owned(), Ipld::Link(cid))));
        let out = match &outcome {
            Outcome::Ok(value) => ("ok".to_owned(), value.clone()),
            Outcome::Err(value) => ("error".to_owned(), value.clone()),
        };
        let mut ocm = Caveats::new();
        ocm.insert("fx".into(), Ipld::Map(effects));
        ocm.insert("iss".into(), issuer.did().as_str().into());
        ocm.insert("meta".into(), Ipld::Map(Caveats::new()));
        ocm.insert("out".into(), Ipld::Map([out].into()));
        ocm.insert("prf".into(), Ipld::List(Vec::new()));
        ocm.insert("ran".into(), Ipld::Link(ran));
        let ocm = Ipld::Map(ocm);
        let signed = cbor::encode(&ocm)?;
        let (signature, issuer) = (issuer.sign(&signed), Some(issuer.did().clone()));
        Ok(Self {
            ran,
            outcome,
            fork,
            join,
            issuer,
            proofs: Vec::new(),
            signature,
            signed,
            ocm,
        })
    }

    /// The receipt block's value.
    pub(super) fn to_ipld(&self) -> Ipld {
        let signature = Ipld::Bytes(self.signature.as_bytes().to_vec());
        Ipld::Map(
            [
                ("ocm".to_owned(), self.ocm.clone()),
                ("sig".to_owned(), signature),
            ]
            .into(),
        )
    }

    /// Reads a receipt block. `iss`, `fx`, `prf` and `meta` may be missing.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let Ipld::Map(mut root) = cbor::decode(bytes)? else {
            return Err(MessageError::Receipt("the block is not a map"));
        };
        let Some(Ipld::Bytes(signature)) = root.remove("sig") else {
            return Err(MessageError::Receipt("sig is not bytes"));
        };
        let ocm = root
            .remove("ocm")
            .ok_or(MessageError::Receipt("ocm is missing"))?;
        let signed = cbor::encode(&ocm)?;
        let Ipld::Map(fields) = &ocm else {
            return Err(MessageError::Receipt("ocm is not a map"));
        };
        let none = Caveats::new();
        let effects = match fields.get("fx") {
            None => &none,
            Some(Ipld::Map(effects)) => effects,
            Some(_) => return Err(MessageError::Receipt("fx is not a map")),
        };
        let issuer = match fields.get("iss") {
            None | Some(Ipld::Null) => None,
            Some(Ipld::String(text)) => Some(Did::parse(text)?),
            Some(_) => return Err(MessageError::Receipt("iss is not text")),
        };
        Ok(Self {
            ran: link(
                fields
                    .get("ran")
                    .ok_or(MessageError::Receipt("ran is missing"))?,
            )?,
            outcome: outcome(fields.get("out"))?,
            fork: links(effects.get("fork"))?,
            join: effects.get("join").map(link).transpose()?,
            issuer,
            proofs: links(fields.get("prf"))?,
            signature: Signature::from_bytes(&signature)?,
            signed,
            ocm,
        })
    }
}

fn outcome(value: Option<&Ipld>) -> Result<Outcome, MessageError> {
    let Some(Ipld::Map(out)) = value else {
        return Err(MessageError::Receipt("out is not a map"));
    };
    match (out.get("ok"), out.get("error")) {
        (_, Some(value)) => Ok(Outcome::Err(value.clone())),
        (Some(value), None) => Ok(Outcome::Ok(value.clone())),
        (None, None) => Err(MessageError::Receipt("out holds neither ok nor error")),
    }
}

fn link(value: &Ipld) -> Result<Cid, MessageError> {
    match value {
        Ipld::Link(cid) => Ok(*cid),
        _ => Err(MessageError::Receipt(
            "ran, fork, join or prf holds something that is not a link",
        )),
    }
}

fn links(value: Option<&Ipld>) -> Result<Vec<Cid>, MessageError> {
    match value {
        None => Ok(Vec::new()),
        Some(Ipld::List(items)) => items.iter().map(link).collect(),
        Some(_) => Err(MessageError::Receipt("fork or prf is not a list")),
    }
}
