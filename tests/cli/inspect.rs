//! The inspect tools, whose contracts scripts rely on.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::run::{Place, ROOT, Ran, did, key, set_mode};

/// A file of golden vectors.
fn vectors(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(name);
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    document["vectors"].as_array().unwrap().clone()
}

fn hex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap().as_bytes();
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    text.chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

/// One JSON object per line.
fn lines(ran: &Ran) -> Vec<Value> {
    let text = ran.text();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn built_indexes_are_those_of_the_reference_library() {
    for vector in vectors("index.json") {
        let shards = vector["shards"].as_array().unwrap();
        if shards.is_empty() {
            continue;
        }
        let place = Place::new();
        let mut args = vec!["index".into(), "build".into(), "--root".into()];
        args.push(vector["content"].as_str().unwrap().to_owned());
        for (number, shard) in shards.iter().enumerate() {
            let name = format!("{number}.car");
            place.file(
                &name,
                STANDARD.decode(shard["car_b64"].as_str().unwrap()).unwrap(),
            );
            args.push(name);
        }
        args.extend(["--output".to_owned(), "index.car".to_owned()]);
        let built = place.sterna(&args).ends(0).json();
        let archive = std::fs::read(place.path().join("index.car")).unwrap();
        let expected = hex(&vector["index"]["archive_hex"]);
        assert_eq!(archive, expected, "{}", vector["name"]);
        assert_eq!(built["index"], vector["index"]["cid_car_codec"]);
        assert_eq!(built["bytes"], expected.len());
        assert_eq!(built["shards"], shards.len());
        let shown = place.sterna(["index", "show", "index.car"]).ends(0).json();
        assert_eq!(shown["content"]["/"], vector["content"]);
        let listed = shown["shards"].as_array().unwrap();
        assert_eq!(listed.len(), shards.len());
        let slices = listed
            .iter()
            .map(|shard| shard["slices"].as_array().unwrap().len());
        assert_eq!(built["slices"], slices.sum::<usize>());
    }
}

/// A CAR of the vectors.
fn a_car() -> Vec<u8> {
    let vectors = vectors("index.json");
    let shards = vectors
        .iter()
        .filter_map(|vector| vector["shards"].as_array());
    let car = shards.flatten().next().unwrap()["car_b64"]
        .as_str()
        .unwrap();
    STANDARD.decode(car).unwrap()
}

#[test]
fn a_car_may_come_from_standard_input() {
    let place = Place::new();
    let args = ["index", "build", "--root", ROOT, "-", "--output", "out"];
    let built = place.sterna_with(args, &a_car()).ends(0).json();
    assert_eq!(built["shards"], 1);
    let archive = std::fs::read(place.path().join("out")).unwrap();
    let shown = place
        .sterna_with(["index", "show", "-"], &archive)
        .ends(0)
        .json();
    assert_eq!(shown["content"]["/"], ROOT);
}

#[test]
fn a_flipped_byte_is_an_error_that_names_file_and_block_and_writes_nothing() {
    let place = Place::new();
    let mut car = a_car();
    *car.last_mut().unwrap() ^= 1;
    place.file("good.car", a_car());
    place.file("bad.car", car);
    let before = place.entries();
    let args = [
        "index", "build", "--root", ROOT, "good.car", "bad.car", "--output", "out",
    ];
    let ran = place.sterna(args).ends(2);
    let ran = ran.tells(&[
        "index bad.car: block baf",
        "fails its check",
        "cause:",
        "next:",
    ]);
    assert!(ran.stdout.is_empty());
    assert_eq!(place.entries(), before);
}

#[test]
fn what_is_no_car_or_no_file_is_refused() {
    let place = Place::new();
    place.file("text.car", "this is not a CAR");
    place.file("empty.car", "");
    let mut cut = a_car();
    cut.truncate(cut.len() - 3);
    place.file("cut.car", cut);
    for file in ["text.car", "empty.car", "cut.car", "none.car"] {
        let ran = place.sterna(["index", "build", "--root", ROOT, file, "--output", "out"]);
        ran.ends(2).tells(&[file]);
        assert!(!place.path().join("out").exists());
    }
    place
        .sterna(["index", "show", "text.car"])
        .ends(2)
        .tells(&["not a sharded DAG index"]);
}

#[test]
fn every_form_of_a_delegation_is_shown_alike() {
    for vector in vectors("delegations.json") {
        let place = Place::new();
        let output = &vector["output"];
        place.file("archive", hex(&output["archive_hex"]));
        let archive = place.sterna(["ucan", "show", "archive"]).ends(0);
        let proof = output["proof_string"].as_str().unwrap();
        let shown = lines(&archive);
        assert_eq!(shown.len(), 1);
        assert_eq!(shown[0]["cid"], output["cid"], "{}", vector["name"]);
        assert_eq!(shown[0]["expiration"], output["dag_json"]["exp"]);
        assert_eq!(shown[0]["capabilities"], output["dag_json"]["att"]);
        let bytes = hex(&output["delegations_to_bytes_hex"]);
        for other in [
            place.sterna(["ucan", "show", proof]),
            place.sterna_with(["ucan", "show", "-"], proof.as_bytes()),
            place.sterna_with(["ucan", "show", "-"], &bytes),
        ] {
            assert_eq!(lines(&other.ends(0)), shown, "{}", vector["name"]);
        }
    }
}

#[test]
fn groups_and_messages_are_shown_one_object_each() {
    for vector in vectors("delegations-bytes.json") {
        let ran = Place::new().sterna_with(["ucan", "show", "-"], &hex(&vector["hex"]));
        let shown = lines(&ran.ends(0));
        let cids: Vec<&Value> = shown.iter().map(|shown| &shown["cid"]).collect();
        let roots: Vec<&Value> = vector["outline"]["roots"]
            .as_array()
            .unwrap()
            .iter()
            .collect();
        assert_eq!(cids, roots);
    }
    for vector in vectors("messages.json") {
        let place = Place::new();
        place.file("request", hex(&vector["request"]["body_hex"]));
        let listed = place.sterna(["ucan", "show", "request", "--output", "json"]);
        let listed = listed.ends(0).json();
        let sent = vector["invocations"].as_array().unwrap().len();
        assert_eq!(listed.as_array().unwrap().len(), sent, "{}", vector["name"]);
        let reply = hex(&vector["response"]["body_hex"]);
        let shown = lines(&place.sterna_with(["ucan", "show", "-"], &reply).ends(0));
        let receipts: Vec<&Value> = shown
            .iter()
            .filter_map(|shown| shown.get("receipt"))
            .collect();
        for receipt in vector["receipts"].as_array().unwrap() {
            assert!(
                receipts.contains(&&receipt["receipt"]),
                "{}",
                vector["name"]
            );
        }
    }
}

#[test]
fn what_is_no_delegation_is_refused() {
    let place = Place::new();
    place.file("junk", [0xff; 100]);
    for input in ["junk", "no-such-file.car", "mAYIEA", "."] {
        let ran = place.sterna(["ucan", "show", input]).ends(2);
        let ran = ran.tells(&["read ", "cause:", "next:"]);
        assert!(ran.stdout.is_empty());
    }
}

#[test]
fn a_folder_and_a_path_that_leads_nowhere_are_wrong_input_to_every_tool() {
    let place = Place::new();
    place.file("good.car", a_car());
    let build = ["index", "build", "--root", ROOT];
    for args in [
        &["index", "show", "."][..],
        &["index", "show", "none"],
        &[&build[..], &[".", "--output", "out"]].concat(),
        &[&build[..], &["good.car", "--output", "."]].concat(),
        &[&build[..], &["good.car", "--output", "none/out"]].concat(),
    ] {
        place.sterna(args).ends(2).tells(&["cause:", "next:"]);
    }
}

#[test]
fn a_delegation_is_read_from_a_pipe_by_its_name_like_from_a_file() {
    let place = Place::new();
    place.file("key", key(1));
    let proof = issue(&place, &["--can", "a/b", "--with", "did:web:a.test"]);
    let proof = proof.ends(0).text();
    let shown = place.sterna_with(["ucan", "show", "/dev/stdin"], proof.as_bytes());
    assert_eq!(lines(&shown.ends(0)).len(), 1);
}

fn issue(place: &Place, more: &[&str]) -> Ran {
    let audience = did(2);
    let args = [
        "ucan",
        "issue",
        "--key-file",
        "key",
        "--audience",
        &audience,
    ];
    place.sterna(args.iter().chain(more))
}

#[test]
fn an_issued_delegation_says_what_was_asked() {
    let place = Place::new();
    place.file("key", format!("{}\n", key(1)));
    let caveats = format!(r#"{{"proof":{{"/":"{ROOT}"}},"n":7}}"#);
    let asked = [
        "--can",
        "ucan/attest",
        "--with",
        "did:web:a.test",
        "--nb",
        &caveats,
    ];
    let more = ["--expiration", "1900000000", "--nonce", "once"];
    let proof = issue(&place, &[&asked[..], &more[..]].concat())
        .ends(0)
        .text();
    let shown = place.sterna(["ucan", "show", proof.trim()]).ends(0).json();
    assert_eq!(shown["issuer"], did(1).as_str());
    assert_eq!(shown["audience"], did(2).as_str());
    let capability = &shown["capabilities"][0];
    assert_eq!(capability["can"], "ucan/attest");
    assert_eq!(capability["with"], "did:web:a.test");
    assert_eq!(
        capability["nb"],
        serde_json::from_str::<Value>(&caveats).unwrap()
    );
    assert_eq!(shown["expiration"], 1_900_000_000_u64);
    assert_eq!(shown["nonce"], "once");
    assert_eq!(shown["signature"], "valid");
}

#[test]
fn an_archive_and_a_proof_string_hold_the_same_delegation() {
    let place = Place::new();
    place.file("key", key(1));
    let asked = [
        "--can",
        "claim/cache",
        "--with",
        "did:web:a.test",
        "--issuer-did",
        "did:web:a.test",
    ];
    let proof = issue(&place, &asked).ends(0).text();
    let archive = issue(&place, &[&asked[..], &["--format", "archive"]].concat()).ends(0);
    place.file("archive", &archive.stdout);
    let of_proof = place.sterna(["ucan", "show", proof.trim()]).ends(0).json();
    let of_archive = place.sterna(["ucan", "show", "archive"]).ends(0).json();
    assert_eq!(of_proof, of_archive);
    assert_eq!(of_proof["issuer"], "did:web:a.test");
    assert_eq!(of_proof["expiration"], Value::Null);
    assert_eq!(
        of_proof["signature"], "unresolved",
        "nobody knows that service's key"
    );
}

#[test]
fn a_key_file_that_everybody_can_read_is_refused() {
    let place = Place::new();
    let path = place.file("key", key(1));
    let asked = ["--can", "a/b", "--with", "did:web:a.test"];
    for mode in [0o644, 0o604, 0o666] {
        set_mode(&path, mode);
        let ran = issue(&place, &asked).ends(2);
        let ran = ran.tells(&["can be read by everybody", "chmod 600"]);
        assert!(ran.stdout.is_empty());
    }
    set_mode(&path, 0o400);
    issue(&place, &asked).ends(0);
}

#[test]
fn wrong_arguments_of_issue_are_named_and_no_key_is_quoted() {
    let place = Place::new();
    place.file("key", key(1));
    place.file("other", "Mnothing");
    let base = ["ucan", "issue", "--can", "a/b", "--with", "did:web:a.test"];
    let audience = did(2);
    let cases: &[(&[&str], &str)] = &[
        (
            &["--key-file", "none", "--audience", &audience],
            "--key-file",
        ),
        (
            &["--key-file", "other", "--audience", &audience],
            "holds no private key",
        ),
        (&["--key-file", "key", "--audience", "alice"], "--audience"),
        (
            &[
                "--key-file",
                "key",
                "--audience",
                &audience,
                "--issuer-did",
                "x",
            ],
            "--issuer-did",
        ),
        (
            &["--key-file", "key", "--audience", &audience, "--nb", "{"],
            "--nb",
        ),
        (
            &[
                "--key-file",
                "key",
                "--audience",
                &audience,
                "--expiration",
                "soon",
            ],
            "never",
        ),
    ];
    let mut nothing = base;
    nothing[3] = "";
    let flags = ["--key-file", "key", "--audience", &audience];
    place.sterna(nothing.iter().chain(&flags)).ends(2).tells(&[
        "malformed capability",
        "--can",
        "next:",
    ]);
    for (more, told) in cases {
        let ran = place
            .sterna(base.iter().chain(*more))
            .ends(2)
            .tells(&[told]);
        assert!(!ran.stderr.contains("Mnothing"));
        assert!(ran.stdout.is_empty());
    }
}

#[test]
fn a_service_that_does_not_answer_is_a_temporary_error() {
    let place = Place::new().env("INDEXING_SERVICE_URL", "http://127.0.0.1:9");
    let ran = place.sterna(["claims", ROOT]).ends(5);
    let ran = ran.tells(&[
        "error:",
        "http://127.0.0.1:9",
        "INDEXING_SERVICE_URL",
        "next:",
    ]);
    assert!(ran.stdout.is_empty());
    assert!(place.entries().is_empty());
}
