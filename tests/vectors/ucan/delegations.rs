//! `delegations.json`: the same input gives the same delegation, in every byte form, and each form is read back.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipld_core::ipld::Ipld;
use serde_json::Value;
use sterna::proto::ucan::{
    Capability, Delegation, Draft, Expiration, Fact, archive, describe, extract, format_proof,
    from_bytes, parse_proof, read_any, to_bytes,
};
use sterna::proto::{Did, Signer, Verifier, car, cbor, json};

use crate::load::{cid, did, hex, ipld, list, load, name, section, signer, text, texts};

/// All delegations of the file, made of their inputs, by name.
pub(crate) fn build_all() -> BTreeMap<String, Delegation> {
    let file = load("delegations.json");
    let vectors = section(&file, "vectors");
    let mut built = BTreeMap::new();
    while built.len() < vectors.len() {
        let before = built.len();
        for vector in vectors
            .iter()
            .filter(|vector| !built.contains_key(name(vector)))
            .collect::<Vec<_>>()
        {
            if let Some(delegation) = build(&vector["input"], &built) {
                built.insert(name(vector).to_owned(), delegation);
            }
        }
        assert!(
            built.len() > before,
            "proofs name each other in a circle, or nothing"
        );
    }
    built
}

/// Makes the delegation of an input; nothing if a proof is not made yet.
fn build(input: &Value, built: &BTreeMap<String, Delegation>) -> Option<Delegation> {
    let (key, issuer): (Option<Signer>, Did) =
        (signer(&input["issuer"]), did(&input["issuer"], "did"));
    let audience = did(input, "audience");
    let mut draft = match &key {
        Some(key) => Draft::new(key, &audience),
        None => Draft::new(&issuer, &audience),
    };
    for capability in section(input, "capabilities") {
        let mut made = Capability::new(text(capability, "can"), text(capability, "with"));
        made.nb = capability.get("nb").map(ipld);
        draft = draft.capability(made);
    }
    draft = draft.expiration(
        input["expiration"]
            .as_u64()
            .map_or(Expiration::Never, Expiration::At),
    );
    if let Some(seconds) = input["notBefore"].as_u64() {
        draft = draft.not_before(seconds);
    }
    if let Some(nonce) = input["nonce"].as_str() {
        draft = draft.nonce(nonce);
    }
    for fact in input["facts"].as_array().into_iter().flatten() {
        draft = draft.fact(self::fact(fact));
    }
    for proof in list(input, "proofs") {
        draft = match proof["name"].as_str() {
            Some(name) => {
                let delegation = built.get(name)?;
                assert_eq!(delegation.cid(), &cid(proof, "cid"));
                draft.proof(delegation.clone())
            }
            None => draft.proof_link(cid(proof, "link")),
        };
    }
    Some(draft.sign().unwrap())
}

fn fact(value: &Value) -> Fact {
    match ipld(value) {
        Ipld::Map(fact) => fact,
        other => panic!("a fact is not a map: {other:?}"),
    }
}

/// The key that an actor's signatures are verified with.
fn verifier(actor: &Value) -> Option<Verifier> {
    let key = actor["did_key"].as_str()?;
    Some(
        Verifier::from_did(&Did::parse(key).unwrap())
            .unwrap()
            .with_did(did(actor, "did")),
    )
}

/// Roots and blocks of a CAR, in order.
pub(crate) fn outline(bytes: &[u8]) -> (Vec<String>, Vec<String>) {
    let car = car::read(bytes).unwrap();
    let roots = car
        .header
        .roots
        .iter()
        .map(|root| root.cid().unwrap().to_string())
        .collect();
    (
        roots,
        car.entries
            .iter()
            .map(|entry| entry.cid().unwrap().to_string())
            .collect(),
    )
}

/// Checks an outline against one of the vectors.
pub(crate) fn assert_outline(bytes: &[u8], expected: &Value) {
    let (roots, blocks) = outline(bytes);
    assert_eq!(roots, texts(expected, "roots"));
    assert_eq!(blocks, texts(expected, "blocks"));
}

fn cids(delegation: &Delegation) -> Vec<String> {
    delegation
        .export()
        .iter()
        .map(|block| block.cid.to_string())
        .collect()
}

fn for_each(check: impl Fn(&str, &Value, &Delegation)) {
    let built = build_all();
    for vector in section(&load("delegations.json"), "vectors") {
        check(name(vector), vector, &built[name(vector)]);
    }
}

#[test]
fn the_same_input_gives_the_same_block_and_signature() {
    for_each(|name, vector, delegation| {
        let output = &vector["output"];
        assert_eq!(delegation.cid(), &cid(output, "cid"), "{name}");
        assert_eq!(
            &delegation.block().bytes[..],
            hex(output, "bytes_hex"),
            "{name}"
        );
        let (ucan, signed) = (delegation.ucan(), delegation.ucan().signed_text().unwrap());
        assert_eq!(signed, text(output, "sign_payload"), "{name}");
        let parts = signed
            .split('.')
            .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
        let parts: Vec<_> = parts.map(|part| String::from_utf8(part).unwrap()).collect();
        assert_eq!(parts, texts(output, "sign_payload_decoded"), "{name}");
        assert_eq!(
            ucan.signature.as_bytes(),
            hex(output, "signature_varsig_hex"),
            "{name}"
        );
        assert_eq!(
            ucan.signature.algorithm(),
            text(output, "signature_algorithm"),
            "{name}"
        );
    });
}

#[test]
fn blocks_print_and_parse_as_dag_json() {
    for_each(|name, vector, _| {
        let (bytes, expected) = (
            hex(&vector["output"], "bytes_hex"),
            &vector["output"]["dag_json"],
        );
        let value = cbor::decode(&bytes).unwrap();
        assert_eq!(&json::to_value(&value).unwrap(), expected, "{name}");
        assert_eq!(
            json::decode(&json::encode(&value).unwrap()).unwrap(),
            value,
            "{name}"
        );
        assert_eq!(cbor::encode(&ipld(expected)).unwrap(), bytes, "{name}");
    });
}

#[test]
fn archives_are_the_same_and_read_back() {
    for_each(|name, vector, delegation| {
        let output = &vector["output"];
        // JavaScript's export repeats a proof that is cited twice; what is written drops repeats.
        let mut order = texts(output, "export_order");
        let mut seen = std::collections::BTreeSet::new();
        order.retain(|cid| seen.insert(*cid));
        assert_eq!(cids(delegation), order, "{name}");
        let bytes = archive(delegation).unwrap();
        assert_eq!(bytes, hex(output, "archive_hex"), "{name}");
        assert_outline(&bytes, &output["archive"]);
        let read = extract(&bytes).unwrap();
        assert_eq!(read.ucan(), delegation.ucan(), "{name}");
        assert_eq!(cids(&read), cids(delegation), "{name}");
        assert_eq!(archive(&read).unwrap(), bytes, "{name}");
    });
}

#[test]
fn proof_strings_are_the_same_and_read_back() {
    for_each(|name, vector, delegation| {
        let string = format_proof(delegation).unwrap();
        assert_eq!(string, text(&vector["output"], "proof_string"), "{name}");
        let read = parse_proof(&string).unwrap();
        assert_eq!(read.ucan(), delegation.ucan(), "{name}");
        assert_eq!(
            archive(&read).unwrap(),
            archive(delegation).unwrap(),
            "{name}"
        );
        // The older forms: a plain CAR, as CID and as bare base64 with line breaks.
        let plain = hex(&vector["output"], "delegations_to_bytes_hex");
        let bare = base64::engine::general_purpose::STANDARD.encode(&plain);
        let broken: String = bare
            .chars()
            .enumerate()
            .flat_map(|(at, c)| [(at % 76 == 75).then_some('\n'), Some(c)])
            .flatten()
            .collect();
        let mut id = vec![1, 0x82, 4, 0];
        let mut length = plain.len();
        while length >= 0x80 {
            id.push(0x80 | u8::try_from(length & 0x7f).unwrap());
            length >>= 7;
        }
        id.push(u8::try_from(length).unwrap());
        id.extend_from_slice(&plain);
        for form in [
            bare.clone(),
            broken,
            bare.trim_end_matches('=').to_owned(),
            multibase::encode(multibase::Base::Base64, id),
        ] {
            assert_eq!(
                &parse_proof(&form).unwrap(),
                delegation,
                "{name}: {form:.20}"
            );
        }
    });
}

#[test]
fn delegations_to_bytes_is_the_same_and_reads_back() {
    for_each(|name, vector, delegation| {
        let output = &vector["output"];
        let bytes = to_bytes(std::slice::from_ref(delegation));
        assert_eq!(bytes, hex(output, "delegations_to_bytes_hex"), "{name}");
        assert_outline(&bytes, &output["delegations_to_bytes"]);
        let read = from_bytes(&bytes).unwrap();
        assert_eq!(read, std::slice::from_ref(delegation), "{name}");
        assert_eq!(cids(&read[0]), cids(delegation), "{name}");
    });
}

#[test]
fn decoded_fields_are_the_inputs() {
    for_each(|name, vector, delegation| {
        let input = &vector["input"];
        let read = extract(&hex(&vector["output"], "archive_hex")).unwrap();
        assert_eq!(read.ucan(), delegation.ucan(), "{name}");
        assert_eq!(read.issuer(), &did(&input["issuer"], "did"), "{name}");
        assert_eq!(read.audience(), &did(input, "audience"), "{name}");
        assert_eq!(read.expiration(), input["expiration"].as_u64(), "{name}");
        let (ucan, nonce) = (read.ucan(), input["nonce"].as_str());
        assert_eq!(ucan.not_before, input["notBefore"].as_u64(), "{name}");
        assert_eq!(ucan.nonce.as_deref(), nonce, "{name}");
        let facts = input["facts"].as_array().into_iter().flatten().map(fact);
        assert_eq!(read.facts(), facts.collect::<Vec<_>>(), "{name}");
    });
}

#[test]
fn decoded_capabilities_and_proofs_are_the_inputs() {
    for_each(|name, vector, _| {
        let input = &vector["input"];
        let read = extract(&hex(&vector["output"], "archive_hex")).unwrap();
        let given = section(input, "capabilities")
            .iter()
            .map(|given| Capability {
                can: text(given, "can").to_lowercase(),
                with: text(given, "with").to_owned(),
                nb: given.get("nb").map(ipld),
            });
        assert_eq!(read.capabilities(), given.collect::<Vec<_>>(), "{name}");
        // A proof is given whole, or by its link alone.
        let given = list(input, "proofs").iter().map(|proof| {
            let alone = proof["link"].is_string();
            (cid(proof, if alone { "link" } else { "cid" }), alone)
        });
        let proofs = read.proofs().iter();
        let proofs: Vec<_> = proofs
            .map(|proof| (*proof.cid(), proof.delegation().is_none()))
            .collect();
        assert_eq!(proofs, given.collect::<Vec<_>>(), "{name}");
    });
}

#[test]
fn signatures_verify_under_the_issuer_and_nobody_else() {
    let file = load("delegations.json");
    let actors = file["actors"].as_object().unwrap();
    for_each(
        |name, vector, delegation| match verifier(&vector["input"]["issuer"]) {
            None => assert!(delegation.ucan().signature.is_absentee(), "{name}"),
            Some(own) => {
                assert!(delegation.verify(&own), "{name}");
                for other in actors
                    .values()
                    .filter_map(verifier)
                    .filter(|other| other != &own)
                {
                    assert!(!delegation.verify(&other), "{name}: {}", other.did());
                    assert!(
                        !delegation.verify(&other.with_did(own.did().clone())),
                        "{name}"
                    );
                }
            }
        },
    );
}

#[test]
fn inspection_says_the_same_of_every_form() {
    for_each(|name, vector, delegation| {
        let output = &vector["output"];
        let key = verifier(&vector["input"]["issuer"]);
        let told = describe(delegation, &|_| key.clone()).unwrap();
        assert_eq!(told["cid"], output["cid"], "{name}");
        assert_eq!(told["capabilities"], output["dag_json"]["att"], "{name}");
        assert_eq!(told["expiration"], output["dag_json"]["exp"], "{name}");
        assert_eq!(
            told["signature"],
            if key.is_some() { "valid" } else { "absentee" },
            "{name}"
        );
        let forms = [
            hex(output, "bytes_hex"),
            hex(output, "archive_hex"),
            hex(output, "delegations_to_bytes_hex"),
            text(output, "proof_string").as_bytes().to_vec(),
        ];
        for form in forms {
            let read = read_any(&form).unwrap();
            assert_eq!(
                describe(&read[0], &|_| key.clone()).unwrap(),
                told,
                "{name}"
            );
        }
    });
}
