//! Settings: precedence, masks, and all faults at once.

use serde_json::Value;

use crate::run::{Place, ROOT, Ran, did, key};

const KEYS: [&str; 5] = [
    "MIGRATION_AGENT_PRIVATE_KEY",
    "UPLOAD_SERVICE_PRIVATE_KEY",
    "GATEWAY_PRIVATE_KEY",
    "INDEXING_SERVICE_PROOF",
    "MIGRATION_ENCRYPTION_KEY",
];

/// What `config show` says of a variable: value and origin.
fn shown(ran: &Ran, name: &str) -> (Value, Value) {
    let document = ran.json();
    assert_eq!(document["schema"], "sterna.config");
    let settings = document["settings"].as_array().unwrap();
    let found = settings.iter().find(|shown| shown["name"] == name).unwrap();
    (found["value"].clone(), found["origin"].clone())
}

fn show(place: &Place, flags: &[&str]) -> Ran {
    place.sterna(["config", "show", "--output", "json"].iter().chain(flags))
}

#[test]
fn without_a_local_network_every_command_says_how_to_start_one() {
    let place = Place::new();
    let commands: &[&[&str]] = &[
        &["init"],
        &["setup"],
        &["migrate"],
        &["verify"],
        &["retry", "--failed"],
        &["monitor"],
        &["claims", ROOT],
    ];
    for command in commands {
        let ran = place.sterna(*command).ends(2);
        let ran = ran.tells(&["sterna sandbox start", "sandbox.env", "error:", "next:"]);
        assert!(ran.stdout.is_empty());
    }
    assert!(place.entries().is_empty(), "nothing is written");
}

#[test]
fn all_missing_keys_are_named_at_once() {
    let place = Place::new();
    let ran = place
        .sterna(["migrate", "--env", "staging", "--yes"])
        .ends(2);
    ran.tells(&KEYS).tells(&["5 settings", ".env-staging"]);
    assert!(place.entries().is_empty());
}

#[test]
fn looking_needs_no_keys() {
    // No credentials, no network: it fails later than at the settings, hence not with 2.
    let place = Place::new()
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .env("AWS_ACCESS_KEY_ID", "x")
        .env("AWS_SECRET_ACCESS_KEY", "y");
    let ran = place.sterna(["monitor"]);
    assert_ne!(ran.code, 0);
    assert_ne!(ran.code, 2, "{}", ran.stderr);
}

#[test]
fn every_wrong_value_is_named_at_once_and_no_secret_is_quoted() {
    let secret = "not-a-key-but-secret";
    let place = Place::new()
        .env("STORACHA_ENV", "production")
        .env("UPLOAD_SERVICE_URL", "up.storacha.network")
        .env("INDEXING_SERVICE_URL", "http://indexer.storacha.network")
        .env("GATEWAY_SERVICE_DID", "w3s.link")
        .env("PIRI_PEER_ID", "12D3")
        .env("IPNI_BLOB_PUBLISHING_QUEUE", "ftp://queue")
        .env("R2_ENDPOINT", "https://x.r2.cloudflarestorage.com")
        .env("MAX_CONCURRENCY", "many")
        .env("DRY_RUN", "perhaps")
        .env("STERNA_LEASE_TERM", "1")
        .env("MIGRATION_AGENT_PRIVATE_KEY", secret)
        .env("UPLOAD_SERVICE_PRIVATE_KEY", secret)
        .env("GATEWAY_PRIVATE_KEY", secret)
        .env("INDEXING_SERVICE_PROOF", secret)
        .env("MIGRATION_ENCRYPTION_KEY", secret);
    let ran = place.sterna(["migrate", "--yes"]).ends(2);
    let ran = ran.tells(&KEYS).tells(&[
        "UPLOAD_SERVICE_URL",
        "INDEXING_SERVICE_URL",
        "GATEWAY_SERVICE_DID",
        "PIRI_PEER_ID",
        "IPNI_BLOB_PUBLISHING_QUEUE",
        "R2_DELEGATION_BUCKET_NAME",
        "R2_ACCESS_KEY_ID",
        "R2_SECRET_ACCESS_KEY",
        "MAX_CONCURRENCY",
        "DRY_RUN",
        "STERNA_LEASE_TERM",
        "from 2 to 600",
        "do:",
    ]);
    assert!(!ran.stderr.contains(secret));
    assert!(place.entries().is_empty());
}

#[test]
fn a_key_must_be_the_one_of_the_real_service() {
    let place = Place::new()
        .env("UPLOAD_SERVICE_PRIVATE_KEY", &key(1))
        .env("GATEWAY_PRIVATE_KEY", &key(2));
    let ran = place.sterna(["verify", "--env", "production"]).ends(2);
    ran.tells(&[
        &format!(
            "is the key of {}, but did:web:up.storacha.network is",
            did(1)
        ),
        &format!("is the key of {}, but did:web:w3s.link is", did(2)),
    ]);
}

#[test]
fn the_keys_of_services_are_pinned_and_a_change_of_keys_is_a_setting() {
    let place = Place::new()
        .env(
            "UPLOAD_SERVICE_PUBLIC_KEYS",
            &format!("{}, {}", did(3), did(1)),
        )
        .env(
            "INDEXING_SERVICE_PUBLIC_KEYS",
            "did:web:indexer.storacha.network",
        )
        .env("UPLOAD_SERVICE_PRIVATE_KEY", &key(1))
        .env("GATEWAY_PRIVATE_KEY", &key(2));
    let ran = place.sterna(["verify", "--env", "production"]).ends(2);
    let ran = ran.tells(&[
        "INDEXING_SERVICE_PUBLIC_KEYS",
        "is not the did:key of an ed25519 key",
        "name its new did:key in GATEWAY_SERVICE_PUBLIC_KEYS",
    ]);
    let changed = "but did:web:up.storacha.network is";
    assert!(!ran.stderr.contains(changed), "{}", ran.stderr);
    for (network, unverified) in [("production", "false"), ("staging", "true")] {
        let ran = show(&Place::new(), &["--env", network]);
        let (keys, origin) = shown(&ran, "INDEXING_SERVICE_PUBLIC_KEYS");
        assert!(keys.as_str().unwrap().starts_with("did:key:z6Mk"), "{keys}");
        assert_eq!(origin, format!("preset {network}"));
        let (allowed, _) = shown(&ran, "STERNA_ALLOW_UNVERIFIED_RECEIPTS");
        assert_eq!(allowed, unverified);
    }
    let flags = ["--env", "production", "--allow-unverified-receipts"];
    let ran = show(&Place::new(), &flags);
    let (allowed, origin) = shown(&ran, "STERNA_ALLOW_UNVERIFIED_RECEIPTS");
    assert_eq!(allowed, "true");
    assert_eq!(origin, flags[2]);
    // Those of a preset are of the service of the preset.
    let elsewhere = Place::new()
        .env("UPLOAD_SERVICE_URL", "https://up.example.net")
        .env("UPLOAD_SERVICE_PRIVATE_KEY", &key(1));
    let ran = elsewhere.sterna(["verify", "--env", "production"]).ends(2);
    assert!(!ran.stderr.contains(changed), "{}", ran.stderr);
}

#[test]
fn a_short_encryption_key_is_refused() {
    let place = Place::new().env("MIGRATION_ENCRYPTION_KEY", "AAAA");
    let ran = place.sterna(["verify", "--env", "staging"]).ends(2);
    ran.tells(&["holds 3 bytes, not 32"]);
}

#[test]
fn local_never_names_a_real_service() {
    let place = Place::new().env("UPLOAD_SERVICE_URL", "https://up.storacha.network");
    let ran = place.sterna(["setup"]).ends(2);
    ran.tells(&["belongs to a real network, but the environment is local"]);
}

#[test]
fn the_environment_comes_before_files_and_files_before_presets() {
    let place = Place::new().env("UPLOAD_TABLE_NAME", "from-environment");
    place.file(
        "own.env",
        "STORACHA_ENV=staging\nUPLOAD_TABLE_NAME=own\nSTORE_TABLE_NAME=own\n",
    );
    place.file(
        ".env-staging",
        "STORE_TABLE_NAME=named\nCONSUMER_TABLE_NAME=\"named\"\n",
    );
    place.file(
        ".env",
        "CONSUMER_TABLE_NAME=plain\nexport DELEGATION_TABLE_NAME=plain # here\n",
    );
    let ran = show(&place, &["--env-file", "own.env"]);
    for (name, value, origin) in [
        ("UPLOAD_TABLE_NAME", "from-environment", "environment"),
        ("STORE_TABLE_NAME", "own", "own.env:3"),
        ("CONSUMER_TABLE_NAME", "named", ".env-staging:2"),
        ("DELEGATION_TABLE_NAME", "plain", ".env:2"),
        (
            "SUBSCRIPTION_TABLE_NAME",
            "staging-w3infra-subscription",
            "preset staging",
        ),
    ] {
        assert_eq!(shown(&ran, name), (value.into(), origin.into()), "{name}");
    }
    let flag = show(&place, &["--env-file", "own.env", "--env", "production"]);
    let (value, _) = shown(&flag, "SUBSCRIPTION_TABLE_NAME");
    assert_eq!(value, "prod-w3infra-subscription", "the flag comes first");
}

#[test]
fn the_network_is_local_unless_told() {
    let ran = show(&Place::new(), &[]).ends(2);
    let (value, origin) = shown(&ran, "MIGRATION_PROGRESS_TABLE_NAME");
    assert_eq!(value, "local-migration-progress");
    assert_eq!(origin, "preset local");
    assert_eq!(shown(&ran, "UPLOAD_SERVICE_URL").0, Value::Null);
    let own = ("local".into(), "default".into());
    assert_eq!(shown(&ran, "STORACHA_ENV"), own);
}

#[test]
fn the_origin_of_the_environment_and_of_defaults_is_shown() {
    let place = Place::new();
    place.file(".env", "STORACHA_ENV=staging\nMAX_CONCURRENCY=4\n");
    let table = place.sterna(["config", "show", "--origin"]).ends(2).text();
    let row = |name: &str| -> Vec<String> {
        let line = table.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(row("STORACHA_ENV"), ["STORACHA_ENV", "staging", ".env:1"]);
    assert_eq!(row("MAX_CONCURRENCY"), ["MAX_CONCURRENCY", "4", ".env:2"]);
    assert_eq!(row("DRY_RUN"), ["DRY_RUN", "false", "default"]);
    assert_eq!(row("STERNA_LEASE_TERM")[1..], ["60", "default"]);
    assert_eq!(row("STERNA_STATE_DIR")[1..], ["migration-state", "default"]);
    let flag = show(&place, &["--env", "production"]);
    assert_eq!(
        shown(&flag, "STORACHA_ENV"),
        ("production".into(), "--env".into())
    );
}

#[test]
fn secrets_are_masked() {
    let place = Place::new()
        .env("MIGRATION_AGENT_PRIVATE_KEY", &key(7))
        .env("AWS_SECRET_ACCESS_KEY", "very-secret-indeed");
    for form in ["table", "json", "ndjson"] {
        let ran = place.sterna(["config", "show", "--origin", "--output", form]);
        for secret in [key(7).as_str(), "very-secret-indeed"] {
            assert!(!ran.text().contains(secret), "{form}");
            assert!(!ran.stderr.contains(secret), "{form}");
        }
        assert!(ran.text().contains("set, 93 characters"), "{form}");
    }
}

#[test]
fn a_misspelt_variable_in_a_file_is_an_error_with_the_right_name() {
    let place = Place::new();
    place.file(
        ".env",
        "UPLOAD_SERVICE_URI=http://127.0.0.1:1\nMY_OWN_THING=1\nBATCH_SIZE=5\n",
    );
    let ran = place.sterna(["claims", ROOT]).ends(2);
    let ran = ran.tells(&["UPLOAD_SERVICE_URI", "write UPLOAD_SERVICE_URL", ".env:1"]);
    assert!(!ran.stderr.contains("MY_OWN_THING"));
    assert!(!ran.stderr.contains("BATCH_SIZE"));
}

#[test]
fn an_env_file_that_is_not_there_is_an_error() {
    let place = Place::new();
    place
        .sterna(["monitor", "--env-file", "none.env"])
        .ends(2)
        .tells(&["none.env does not exist"]);
}

#[test]
fn the_local_networks_file_is_found_in_the_state_folder() {
    let place = Place::new();
    place.file(
        "state/local/sandbox.env",
        "INDEXING_SERVICE_URL=http://127.0.0.1:9\n",
    );
    let ran = show(&place, &["--state-dir", "state"]);
    assert_eq!(shown(&ran, "INDEXING_SERVICE_URL").0, "http://127.0.0.1:9");
    let real = show(&place, &["--state-dir", "state", "--env", "staging"]);
    let (value, _) = shown(&real, "INDEXING_SERVICE_URL");
    assert_eq!(value, "https://staging.indexer.storacha.network");
}

#[test]
fn customers_files_are_checked_before_anything_is_asked() {
    let place = Place::new();
    let cases: &[(&str, &str)] = &[
        ("no json", "is not JSON"),
        ("{}", "no list under `customers`"),
        (
            "[\"alice@example.com\", 5]",
            "entry 1, 5, is not a customer",
        ),
        (r#"{"customers": ["did:key:z6Mk"]}"#, ", is not a customer"),
    ];
    for (content, told) in cases {
        place.file("c.json", content);
        let ran = place
            .sterna(["migrate", "--customers-file", "c.json"])
            .ends(2);
        ran.tells(&[told, "--customers-file c.json", "next:"]);
    }
    let ran = place
        .sterna(["migrate", "--customers-file", "none.json"])
        .ends(2);
    ran.tells(&["none.json", "cannot be read"]);
    let ran = place.sterna_with(["migrate", "--customers-file", "-"], b"[\"alice\"]");
    ran.ends(2).tells(&[
        "--customers-file standard input",
        "entry 0, \"alice\", is not a customer",
    ]);
}

#[test]
fn the_customers_file_of_another_instance_is_refused() {
    let place = Place::new();
    place.file(
        "c.json",
        r#"{"instanceId": 2, "customers": ["did:mailto:a.b:c"]}"#,
    );
    let ran = place
        .sterna(["migrate", "--customers-file", "c.json", "--instance", "3"])
        .ends(2);
    ran.tells(&["written for instance 2"]);
}

#[test]
fn a_log_file_that_cannot_be_opened_is_a_usage_error() {
    let ran = Place::new().sterna(["config", "show", "--log-file", "none/log"]);
    ran.ends(2).tells(&["--log-file", "cannot be opened"]);
}
