//! Files of others: from pipes and standard input, with byte order marks and the line ends of any system.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::thread::JoinHandle;

use crate::run::{Place, did};

/// A pipe with a name that gives its text to one reader, once.
fn pipe(place: &Place, name: &str, text: &'static str) -> (PathBuf, JoinHandle<()>) {
    let path = place.path().join(name);
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let to = path.clone();
    let writer = std::thread::spawn(move || {
        let mut pipe = std::fs::OpenOptions::new().write(true).open(to).unwrap();
        pipe.write_all(text.as_bytes()).unwrap();
    });
    (path, writer)
}

const TABLES: &str = "\u{feff}export UPLOAD_TABLE_NAME='one'\r\nSTORE_TABLE_NAME: `two` # 2\r\n";

#[test]
fn an_environment_file_may_be_a_pipe_and_is_read_once() {
    let show = ["config", "show", "--origin"];
    let shown = |text: &str, origin: &str| {
        for (name, value) in [("UPLOAD_TABLE_NAME", "one"), ("STORE_TABLE_NAME", "two")] {
            let mut lines = text.lines().filter(|line| line.starts_with(name));
            let line = lines.next().unwrap();
            assert!(line.contains(value) && line.contains(origin), "{line}");
        }
    };
    let place = Place::new();
    let ran = place.sterna_with(
        show.iter().chain(&["--env-file", "/dev/stdin"]),
        TABLES.as_bytes(),
    );
    shown(&ran.text(), "/dev/stdin:");

    let (path, writer) = pipe(&place, "piped.env", TABLES);
    let ran = place.sterna(show.iter().chain(&["--env-file", path.to_str().unwrap()]));
    writer.join().unwrap();
    shown(&ran.text(), "piped.env:");

    // Some keep their secrets in a program that serves `.env` itself.
    let place = Place::new();
    let (_, writer) = pipe(&place, ".env", TABLES);
    shown(&place.sterna(show).text(), ".env:");
    writer.join().unwrap();
}

#[test]
fn an_environment_file_that_is_no_file_is_an_error() {
    let place = Place::new();
    place
        .sterna(["monitor", "--env-file", "/"])
        .ends(2)
        .tells(&["cannot be read"]);
    let large = "A=1\n".repeat(300_000);
    place
        .sterna_with(["monitor", "--env-file", "/dev/stdin"], large.as_bytes())
        .ends(2)
        .tells(&["larger than 1 MiB"]);
}

#[test]
fn lines_of_other_programs_are_passed_over_and_broken_lines_of_ours_are_not() {
    let place = Place::new();
    place.file(
        ".env",
        "#!/bin/sh\nset -a\nFOO bar\nsource ../common\nKEY=\"one\ntwo\"\nexport UPLOAD_TABLE_NAME=\"own\" # x\n",
    );
    let ran = place.sterna(["config", "show"]);
    assert!(!ran.stderr.contains(".env:"), "{}", ran.stderr);
    assert!(
        ran.text()
            .lines()
            .any(|line| line.starts_with("UPLOAD_TABLE_NAME") && line.ends_with("own"))
    );
    place.file(".env", "FOO bar\nDRY_RUN true\n");
    let ran = place.sterna(["monitor"]).ends(2);
    drop(ran.tells(&[".env:2", "starts with DRY_RUN", "write DRY_RUN=value"]));
}

#[test]
fn every_command_takes_a_customer_by_an_e_mail_address() {
    let place = Place::new();
    for command in [
        &["migrate", "--customer"][..],
        &["verify", "--customer"],
        &["retry", "--failed", "--customer"],
        &["rollback", "--customer"],
        &["monitor", "--customer"],
    ] {
        let with = |customer: &str| place.sterna(command.iter().chain(&[customer]));
        // Past the flags, to where the network is looked for.
        drop(
            with("User+50%@Example.com")
                .ends(2)
                .tells(&["sterna sandbox start"]),
        );
        for wrong in ["user", "@example.com", &did(1)] {
            drop(with(wrong).ends(2).tells(&["e-mail address"]));
        }
    }
}

#[cfg(feature = "sandbox")]
mod on_a_network {
    use crate::network::{Network, seed};
    use crate::run::Place;

    const CARLA: &str = "did:mailto:example.org:carla%2Bnft";

    fn seeded(place: &Place) -> Network {
        let network = Network::start(place);
        seed(place, ["3", "5", "20"]);
        network
    }

    #[test]
    fn an_address_is_the_customer_of_the_tables_everywhere() {
        let place = Place::new();
        let _network = seeded(&place);
        let dry = ["migrate", "--dry-run", "--output", "json"];
        let planned = |flags: [&str; 2], input: &str| {
            let ran = place.sterna_with(dry.iter().chain(&flags), input.as_bytes());
            ran.ends(0).json()["counts"]["planned"].as_u64().unwrap()
        };
        let by_did = planned(["--customer", CARLA], "");
        assert!(by_did > 0);
        assert_eq!(planned(["--customer", "carla+nft@example.org"], ""), by_did);
        // A list of another system, by pipe.
        let list = "\u{feff}[\r\n  \"carla+nft@example.org\"\r\n]\r\n";
        assert_eq!(planned(["--customers-file", "-"], list), by_did);
        assert_eq!(planned(["--customers-file", "/dev/stdin"], list), by_did);
        // Another case is another customer.
        let upper = place.sterna(dry.iter().chain(&["--customer", "Carla+nft@example.org"]));
        upper
            .ends(10)
            .tells(&["did:mailto:example.org:Carla%2Bnft"]);

        let skip = "\u{feff}# not now\r\ncarla+nft@example.org\r\n";
        let setup = ["setup", "--instances", "1", "--skip-file", "-"];
        place.sterna_with(setup, skip.as_bytes()).ends(0);
        let file = place
            .path()
            .join("migration-state/instance-1-customers.json");
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains("did:mailto:example.org:alba") && !text.contains(CARLA));
        place.sterna(["setup", "--instances", "1"]).ends(0);
        let shown = place.sterna(["monitor", "--customer", "carla+nft@example.org"]);
        assert!(shown.ends(0).text().contains(CARLA));
    }
}
