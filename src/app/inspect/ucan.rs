//! `ucan show` and `ucan issue`.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::input;
use crate::app::{CommandError, Kind};
use crate::config::{self, is_stdin};
use crate::proto::did::Did;
use crate::proto::json;
use crate::proto::key::{Signer, Verifier};
use crate::proto::message;
use crate::proto::ucan::{Capability, Delegation, Draft, Expiration, archive, format_proof};
use crate::runtime::error_chain;

/// What to issue.
pub struct Issue {
    /// Who signs.
    pub signer: Signer,
    /// Who is named as the issuer, when it is not the key's own did:key.
    pub issuer: Option<String>,
    /// Who is granted.
    pub audience: String,
    /// The ability.
    pub can: String,
    /// The resource.
    pub with: String,
    /// Caveats, DAG-JSON.
    pub nb: Option<String>,
    /// Unix seconds; `None` never ends.
    pub expiration: Option<u64>,
    /// Text that makes the CID another one.
    pub nonce: Option<String>,
    /// A proof string, or else an archive.
    pub as_proof: bool,
}

/// One object per delegation or receipt in `input`: a file or a pipe with an archive, a `delegationsToBytes` file, an agent
/// message or a proof string; `-` for standard input; or the proof string itself.
///
/// # Errors
/// When the input cannot be read, or is none of these.
pub fn show(input: &str) -> Result<Vec<Value>> {
    let path = Path::new(input);
    if is_stdin(path) || path.exists() {
        let of = input::name(path);
        let what = "the input is not an archive, delegations file, agent message or proof string, or it is damaged";
        return decode(
            &input::read(path)?,
            &format!("read delegations of {of}"),
            what,
        );
    }
    let what = "no file has this name, and it is not a whole proof string either";
    decode(input.as_bytes(), "read delegations of a proof string", what)
}

fn decode(bytes: &[u8], what: &str, cause: &str) -> Result<Vec<Value>> {
    let shown = message::inspect(bytes, &known_key).map_err(|error| {
        CommandError::new(
            Kind::Usage,
            format!("{what}: {}", error_chain(&error)),
            cause,
            "name the right file, or paste the whole proof string",
        )
    })?;
    Ok(shown)
}

/// The keys of the services that everybody knows.
fn known_key(did: &Did) -> Option<Verifier> {
    let key = config::known_key(did)?;
    Verifier::from_did(&Did::parse(key).ok()?).ok()
}

/// Signs a delegation: a proof string with a line end, or the bytes of an archive.
///
/// # Errors
/// When a DID or the caveats cannot be read.
pub fn issue(issue: Issue) -> Result<Vec<u8>> {
    let signer = match &issue.issuer {
        Some(text) => issue.signer.with_did(did("--issuer-did", text)?),
        None => issue.signer,
    };
    let audience = did("--audience", &issue.audience)?;
    let mut capability = Capability::new(&issue.can, &issue.with);
    if let Some(text) = &issue.nb {
        capability = capability.nb(caveats(text)?);
    }
    let expiration = issue.expiration.map_or(Expiration::Never, Expiration::At);
    let mut draft = Draft::new(&signer, &audience)
        .capability(capability)
        .expiration(expiration);
    if let Some(nonce) = issue.nonce {
        draft = draft.nonce(nonce);
    }
    let delegation = draft.sign().map_err(|error| {
        CommandError::new(
            Kind::Usage,
            format!("sign the delegation: {}", error_chain(&error)),
            "--can is not an ability, --with is not a DID or another URI, or --nb holds what DAG-CBOR cannot",
            "write --can as namespace/verb, namespace/* or *, and --with as did:key:…",
        )
    })?;
    encode(&delegation, issue.as_proof)
}

fn encode(delegation: &Delegation, as_proof: bool) -> Result<Vec<u8>> {
    if !as_proof {
        return archive(delegation).context("write the archive");
    }
    let mut text = format_proof(delegation).context("write the proof string")?;
    text.push('\n');
    Ok(text.into_bytes())
}

fn did(flag: &str, text: &str) -> Result<Did> {
    let parsed = Did::parse(text).map_err(|error| {
        CommandError::new(
            Kind::Usage,
            format!("read {flag}: {error}"),
            "it is not a DID",
            "write did:key:…, did:web:… or did:mailto:…",
        )
    })?;
    Ok(parsed)
}

fn caveats(text: &str) -> Result<ipld_core::ipld::Ipld> {
    let value = json::decode(text).map_err(|error| {
        CommandError::new(
            Kind::Usage,
            format!("read --nb: {error}"),
            "it is not DAG-JSON",
            r#"write an object such as {"proof":{"/":"bafy…"}}"#,
        )
    })?;
    Ok(value)
}
