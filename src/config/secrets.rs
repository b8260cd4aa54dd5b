//! Keys and proofs: parsed, and checked against each other before anything is done with them.

use super::reader::Reader;
use super::variables::{self, ServiceNames};
use crate::client::{ProofSet, Secrets};
use crate::proto::did::Did;
use crate::proto::key::{Signer, Verifier};
use crate::proto::ucan::{Delegation, parse_proof};

/// What a proof must give.
const CACHE: &str = "claim/cache";

/// All keys and proofs; `now` is in Unix seconds.
pub(super) fn secrets(from: &mut Reader<'_>, now: u64) -> Option<Secrets> {
    let migration = from.signer("MIGRATION_AGENT_PRIVATE_KEY");
    let upload_service = service_key(from, "UPLOAD_SERVICE_PRIVATE_KEY", &variables::UPLOAD);
    let gateway = service_key(from, "GATEWAY_PRIVATE_KEY", &variables::GATEWAY);
    let migration = migration.map(|(signer, _)| signer);
    let proof = indexing_service_proof(from, migration.as_ref(), now);
    let encryption = from.encryption_key("MIGRATION_ENCRYPTION_KEY");
    Some(Secrets {
        migration: migration?,
        upload_service: upload_service?,
        gateway: gateway?,
        proofs: ProofSet {
            indexing_service: proof?,
        },
        encryption: encryption?,
    })
}

fn service_key(
    from: &mut Reader<'_>,
    name: &'static str,
    service: &ServiceNames,
) -> Option<Signer> {
    let signer = from.signer(name);
    let did = from.did(service.did);
    let (signer, origin) = signer?;
    let did = did?;
    let keys = from.service_keys(service)?;
    let is_known = |key: &Verifier| key.key_did() == *signer.key_did();
    if !keys.is_empty() && !keys.iter().any(is_known) {
        let keys: Vec<String> = keys.iter().map(|key| key.key_did().to_string()).collect();
        let (own, keys) = (signer.key_did(), keys.join(" or "));
        let problem = format!("is the key of {own}, but {did} is {keys}");
        let remedy = format!(
            "set the private key of {did}, or, after a change of keys, name its new did:key in {}",
            service.keys
        );
        from.reject(name, &origin, problem, remedy);
        return None;
    }
    if did.is_key() && did != *signer.key_did() {
        let problem = format!("is the key of {}, not of {did}", signer.key_did());
        let remedy = format!("set the private key of {did}, or correct {}", service.did);
        from.reject(name, &origin, problem, remedy);
        return None;
    }
    Some(signer.with_did(did))
}

/// The did:key behind the DID of a real service.
#[must_use]
pub fn known_key(did: &Did) -> Option<&'static str> {
    variables::known_key(did.as_str())
}

fn indexing_service_proof(
    from: &mut Reader<'_>,
    migration: Option<&Signer>,
    now: u64,
) -> Option<Delegation> {
    const NAME: &str = "INDEXING_SERVICE_PROOF";
    let value = from.value(NAME);
    let indexer = from.did("INDEXING_SERVICE_DID");
    let value = value?;
    let proof = match parse_proof(value.text.trim()) {
        Ok(proof) => proof,
        Err(error) => {
            let problem = format!("is not a proof: {error}");
            let remedy = "paste the whole proof string (`m…`), as `sterna ucan issue --format proof` prints it";
            from.reject(NAME, &value.origin, problem, remedy);
            return None;
        }
    };
    let problems = problems_of(&proof, &indexer?, migration?.did(), now);
    let good = problems.is_empty();
    for problem in problems {
        let remedy = "ask the indexing service's operator for a proof of `claim/cache` to the migration key; \
                      `sterna ucan show` prints what a proof says";
        from.reject(NAME, &value.origin, problem, remedy);
    }
    good.then_some(proof)
}

fn problems_of(proof: &Delegation, indexer: &Did, migration: &Did, now: u64) -> Vec<String> {
    let mut problems = Vec::new();
    if proof.audience() != migration {
        problems.push(format!(
            "was given to {}, but MIGRATION_AGENT_PRIVATE_KEY is {migration}",
            proof.audience()
        ));
    }
    let covers = |can: &str| matches!(can, CACHE | "claim/*" | "*");
    let mut capabilities = proof.capabilities().iter();
    if !capabilities.any(|given| covers(&given.can) && given.with == indexer.as_str()) {
        let given: Vec<String> = proof
            .capabilities()
            .iter()
            .map(|given| format!("{} on {}", given.can, given.with))
            .collect();
        problems.push(format!(
            "gives {}, not {CACHE} on {indexer}",
            given.join(", ")
        ));
    }
    if let Some(expiration) = proof.expiration()
        && expiration <= now
    {
        problems.push(format!("expired {} s ago", now - expiration));
    }
    if let Some(start) = proof.ucan().not_before
        && now <= start
    {
        problems.push(format!("is not valid for another {} s", start - now));
    }
    problems
}
