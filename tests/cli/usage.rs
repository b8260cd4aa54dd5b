//! Flags: help, nearest names, contradictions.

use crate::run::{Place, ROOT, did};

/// Every command, as it is typed.
const COMMANDS: &[&[&str]] = &[
    &["demo"],
    &["sandbox", "start"],
    &["sandbox", "seed"],
    &["sandbox", "status"],
    &["sandbox", "stop"],
    &["init"],
    &["setup"],
    &["migrate"],
    &["verify"],
    &["retry"],
    &["monitor"],
    &["explain"],
    &["index", "build"],
    &["index", "show"],
    &["claims"],
    &["ucan", "show"],
    &["ucan", "issue"],
    &["config", "show"],
    &["completions"],
];

#[test]
fn every_command_has_help_with_examples_and_exit_codes() {
    let place = Place::new();
    for command in COMMANDS {
        let ran = place.sterna(command.iter().chain(&["--help"])).ends(0);
        let text = ran.text();
        for part in ["Usage:", "Examples:", "Exit codes:", "  130  "] {
            assert!(text.contains(part), "{command:?} lacks {part}");
        }
        assert!(ran.stderr.is_empty());
    }
    assert!(place.entries().is_empty());
}

#[test]
fn the_first_help_page_lists_every_command() {
    let text = Place::new().sterna(["--help"]).ends(0).text();
    for command in COMMANDS {
        assert!(
            text.contains(&format!("\n  {} ", command[0])),
            "{command:?}"
        );
    }
}

#[test]
fn a_misspelt_name_is_answered_with_the_nearest() {
    let place = Place::new();
    place.sterna(["migrat"]).ends(2).tells(&["migrate"]);
    place
        .sterna(["migrate", "--concurency", "3"])
        .ends(2)
        .tells(&["--concurrency"]);
    place
        .sterna(["--env", "stagin", "monitor"])
        .ends(2)
        .tells(&["staging"]);
    place
        .sterna(["--output", "jsn", "monitor"])
        .ends(2)
        .tells(&["ndjson"]);
    for (flag, typed, near) in [
        ("--step", "location-claim", "location-claims"),
        (
            "--step",
            "gateway",
            "choose one of gateway-auth, store-index",
        ),
        ("--reason", "corupt-car", "CORRUPT_CAR"),
        ("--class", "permanant", "permanent"),
    ] {
        let ran = place.sterna(["retry", "--failed", flag, typed]).ends(2);
        drop(ran.tells(&[near]));
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn flags_that_contradict_or_do_nothing_are_refused() {
    let space = did(1);
    let wrong: &[&[&str]] = &[
        &[],
        &["no-such-command"],
        &[
            "migrate",
            "--customers-file",
            "c.json",
            "--customer",
            "did:mailto:a.b:c",
        ],
        &["migrate", "--customers-file", "c.json", "--space", &space],
        &["migrate", "--customers-file", "c.json", "--cid", ROOT],
        &["migrate", "--cid", ROOT, "--limit", "5"],
        &["migrate", "--cid", ROOT, "--checkpoint-every", "5"],
        &["migrate", "--test-index", "--test-location-claims"],
        &["migrate", "--only", "index", "--test-gateway-auth"],
        &["migrate", "--test-gateway-auth", "--verify-only"],
        &["migrate", "--verify-only", "--dry-run"],
        &["migrate", "--verify-only", "--max-failure-rate", "5%"],
        &["migrate", "--verify-only", "--checkpoint-every", "5"],
        &["migrate", "--dry-run", "--checkpoint-every", "5"],
        &["migrate", "--repair", "--dry-run"],
        &["migrate", "--repair", "--test-index"],
        &["migrate", "--repair", "--cid", ROOT],
        &["migrate", "--concurrency", "0"],
        &["migrate", "--limit", "0"],
        &["migrate", "--instance", "0"],
        &["migrate", "--max-duration", "5"],
        &["migrate", "--max-failure-rate", "200%"],
        &["migrate", "--customer", &space],
        &["migrate", "--space", "did:mailto:a.b:c"],
        &["migrate", "--space", "did:key:z6Mk"],
        &["migrate", "--cid", "bafy"],
        &["retry"],
        &["retry", "--failed", "--reason", "BORED"],
        &["retry", "--failed", "--class", "funny"],
        &["retry", "--failed", "--step", "store-indx"],
        &["retry", "--failed", "--dry-run", "--yes"],
        &["init", "--dry-run", "--print"],
        &["ctl", "pause", "--why", "x", "--dry-run", "--yes"],
        &["monitor", "--interval", "5s"],
        &["monitor", "--failed", "--stuck"],
        &["monitor", "--stuck", "--space", &space],
        &["monitor", "--space", &space, "--instance", "1"],
        &["init", "--print", "--yes"],
        &["setup", "--analyze", "--yes"],
        &["setup", "--instances", "0"],
        &["explain"],
        &["claims"],
        &["index", "build", "x.car"],
        &["index", "build", "--root", ROOT, "x.car"],
        &["ucan", "issue"],
    ];
    let place = Place::new();
    for args in wrong {
        let ran = place.sterna(*args);
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{args:?}");
        assert!(!ran.stderr.is_empty(), "{args:?}");
    }
    assert!(place.entries().is_empty());
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let text = Place::new().sterna(["completions", shell]).ends(0).text();
        assert!(text.contains("customers-file"), "{shell}");
    }
}

#[test]
fn a_real_network_is_changed_only_if_somebody_says_so() {
    let place = Place::new();
    for command in [&["init"][..], &["setup"]] {
        for environment in ["staging", "production"] {
            let flags = ["--env", environment];
            let ran = place.sterna(flags.iter().chain(command));
            let ran = ran.ends(2).tells(&["--yes"]);
            assert!(ran.stdout.is_empty());
        }
    }
    assert!(place.entries().is_empty());
}

/// Every `sterna …` in a text of the sources is a command that exists.
#[test]
fn every_command_that_a_text_names_exists() {
    let mut open = vec![std::path::PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src"
    ))];
    let (mut named, mut wrong) = (0, Vec::new());
    let help = Place::new().sterna(["--help"]).ends(0).text();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for part in text.split("`sterna ").skip(1) {
                let word: String = part.chars().take_while(char::is_ascii_lowercase).collect();
                named += 1;
                if !word.is_empty() && !help.contains(&format!("\n  {word} ")) {
                    wrong.push(format!("{}: sterna {word}", path.display()));
                }
            }
        }
    }
    assert!(named > 10 && wrong.is_empty(), "{wrong:#?}");
}
