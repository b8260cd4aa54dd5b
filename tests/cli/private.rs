//! What other users of the machine get: nothing to read, nowhere to plant a link, no word in what is done.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::network::{Network, seed};
use crate::run::{Place, key, set_mode};

/// Another user.
const STRANGER: u32 = 65_534;

/// The program under the most generous of umasks.
fn generous(args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 000; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_sterna"))
        .args(args);
    command
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

/// Whether this test may give files to other users.
fn is_root(place: &Place) -> bool {
    fs::metadata(place.path()).unwrap().uid() == 0
}

#[test]
fn all_that_is_written_is_for_its_owner_alone_whatever_the_umask() {
    let place = Place::new();
    let mut network = place.start_as(&mut generous(&["sandbox", "start"]));
    network.says("the local network is running");
    let run = |args: &[&str]| place.start_as(&mut generous(args)).end();
    run(&["init"]).ends(0);
    let world = ["--customers", "2", "--spaces", "3", "--uploads", "12"];
    run(&[&["sandbox", "seed"], &world[..]].concat()).ends(0);
    run(&["setup", "--instances", "2"]).ends(0);
    let log = ["--log-file", "sterna.log", "--log-level", "debug"];
    let migrated = run(&[&["migrate", "--instance", "1", "--limit", "all"], &log[..]].concat());
    assert!(
        migrated.code == 0 || migrated.code == 3,
        "{}",
        migrated.stderr
    );
    run(&["verify", "--limit", "all"]);
    let state = place.path().join("migration-state");
    let written = place.entries();
    for name in [
        "instance-1-journal.ndjson",
        "instance-1-results.ndjson",
        "instance-1-checkpoint.json",
        "instance-1-customers.json",
        "instance-1.lock",
        "state-folder.json",
        "local/sandbox.env",
        "local/description.json",
        "local/dynamodb.db",
    ] {
        assert!(written.contains(&state.join(name)), "{name} is not there");
    }
    assert!(written.contains(&place.path().join("sterna.log")));
    for path in &written {
        assert_eq!(mode(path) & 0o077, 0, "{} {:o}", path.display(), mode(path));
    }
}

#[test]
fn a_state_folder_that_others_can_write_to_is_refused_with_what_repairs_it() {
    let place = Place::new();
    let _network = Network::start(&place);
    seed(&place, ["1", "1", "3"]);
    let state = place.path().join("migration-state");
    let before = place.entries();
    for mode in [0o777, 0o1777, 0o775] {
        set_mode(&state, mode);
        for command in [&["migrate"][..], &["setup", "--instances", "1"]] {
            let ran = place.sterna(command).ends(2);
            ran.tells(&["can write to", "chmod go-w", "migration-state"]);
        }
    }
    assert_eq!(place.entries(), before);
    set_mode(&state, 0o755);
    let migrated = place.sterna(["migrate"]);
    assert!(migrated.code == 0 || migrated.code == 3);
}

#[test]
fn a_planted_link_is_named_and_what_it_leads_to_is_not_touched() {
    let place = Place::new();
    let _network = Network::start(&place);
    seed(&place, ["1", "1", "3"]);
    let target = place.file("precious", "{\"do not\":\"touch\"}\n");
    set_mode(&target, 0o644);
    let state = place.path().join("migration-state");
    for name in [
        "instance-1-journal.ndjson",
        "instance-1-results.ndjson",
        "instance-1-checkpoint.json",
        "instance-1.lock",
        "state-folder.lock",
        "state-folder.json",
    ] {
        let planted = state.join(name);
        let _ = fs::remove_file(&planted);
        symlink(&target, &planted).unwrap();
        let ran = place.sterna(["migrate"]).ends(2);
        ran.tells(&[name, "symbolic link"]);
        assert!(planted.is_symlink());
        fs::remove_file(&planted).unwrap();
    }
    for name in [
        "instance-1-checkpoint.tmp.json",
        "state-folder.tmp.json",
        "instance-1-customers.tmp.json",
    ] {
        symlink(&target, state.join(name)).unwrap();
    }
    let _ = fs::remove_file(state.join("state-folder.json"));
    place.sterna(["setup", "--instances", "1"]).ends(0);
    let migrated = place.sterna(["migrate"]);
    assert!(migrated.code == 0 || migrated.code == 3);
    assert_eq!(fs::read(&target).unwrap(), b"{\"do not\":\"touch\"}\n");
    assert_eq!(mode(&target), 0o644);
    assert!(!state.join("instance-1-customers.json").is_symlink());
    assert!(!state.join("instance-1-checkpoint.json").is_symlink());
}

/// A `.env` with a key in it.
fn with_key(place: &Place, name: &str) -> PathBuf {
    place.file(name, format!("GATEWAY_PRIVATE_KEY={}\n", key(3)))
}

#[test]
fn files_of_settings_are_checked_as_key_files_are() {
    let place = Place::new();
    let show = |args: &[&str]| place.sterna([&["config", "show"], args].concat());
    for name in [".env", ".env-local", "named.env"] {
        let flags: &[&str] = match name {
            "named.env" => &["--env-file", "named.env"],
            _ => &[],
        };
        let path = with_key(&place, name);
        let told = |words: &[&str]| {
            let ran = show(flags).ends(2).tells(words);
            assert!(!ran.stderr.contains(&key(3)) && !ran.text().contains(&key(3)));
            assert!(!ran.text().contains("set, "), "{}", ran.text());
        };
        for mode in [0o644, 0o604] {
            set_mode(&path, mode);
            told(&[
                name,
                "holds secrets and can be read by everybody",
                "chmod 600",
            ]);
        }
        set_mode(&path, 0o602);
        told(&[name, "can be written by everybody"]);
        set_mode(&path, 0o640);
        assert!(show(flags).text().contains("set, "), "{name}");
        fs::remove_file(path).unwrap();
    }
    // Without secrets everybody may read it, and nobody may write to it.
    let path = place.file(".env", "GATEWAY_SERVICE_URL=http://127.0.0.1:5\n");
    set_mode(&path, 0o644);
    assert!(show(&[]).text().contains("http://127.0.0.1:5"));
    set_mode(&path, 0o646);
    let ran = show(&[]).ends(2).tells(&["can be written by everybody"]);
    assert!(!ran.text().contains("http://127.0.0.1:5"));
}

#[test]
fn a_stranger_s_file_in_the_working_folder_says_nothing() {
    let place = Place::new();
    if !is_root(&place) {
        return;
    }
    let evil = "UPLOAD_SERVICE_URL=http://evil.localhost\n";
    let show = |args: &[&str]| place.sterna([&["config", "show"], args].concat());
    for name in [".env", ".env-local"] {
        let path = place.file(name, evil);
        chown(&path, Some(STRANGER), None).unwrap();
        let ran = show(&[])
            .ends(2)
            .tells(&[name, "belongs to another user", "65534"]);
        assert!(!ran.text().contains("evil"), "{}", ran.text());
        // A link of the stranger's to what is ours is as bad.
        chown(&path, Some(0), None).unwrap();
        fs::rename(&path, place.path().join("ours")).unwrap();
        symlink("ours", &path).unwrap();
        std::os::unix::fs::lchown(&path, Some(STRANGER), None).unwrap();
        show(&[]).ends(2).tells(&[name, "belongs to another user"]);
        fs::remove_file(&path).unwrap();
        fs::remove_file(place.path().join("ours")).unwrap();
    }
    // Root takes the word of whoever called it with `sudo`, and of a file that it was told to read.
    let path = place.file(".env", evil);
    chown(&path, Some(STRANGER), None).unwrap();
    assert!(show(&["--env-file", ".env"]).text().contains("evil") || is_root(&place));
    let called = Command::new(env!("CARGO_BIN_EXE_sterna"))
        .args(["config", "show"])
        .current_dir(place.path())
        .env_clear()
        .env("SUDO_UID", STRANGER.to_string())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&called.stdout).contains("evil"));
}

#[test]
fn secrets_in_the_wrong_place_are_shown_nowhere() {
    let secret = key(5);
    let sealing = "GmzZKK3H9Rw5Qn0wXkR3mC0bW2p8nQn5mM5vV3c2o1E=";
    let place = Place::new()
        .env("AWS_ENDPOINT_URL", "http://ann:hunter2hunter2@127.0.0.1:4")
        .env("GATEWAY_SERVICE_DID", &secret)
        .env("PIRI_PEER_ID", sealing)
        .env("UPLOAD_TABLE_NAME", &secret)
        .env("UPLOAD_SERVICE_URL", "not a url but ann:hunter2@host")
        .env("MAX_CONCURRENCY", &secret)
        .env("STORACHA_ENV", &secret)
        .env("INDEXING_SERVICE_PROOF", sealing)
        .env("MIGRATION_ENCRYPTION_KEY", "short=");
    for args in [
        &["config", "show", "--origin"][..],
        &["config", "show", "--output", "json"],
        &["migrate"],
        &["monitor"],
    ] {
        let ran = place.sterna(args).ends(2);
        let all = ran.text() + &ran.stderr;
        for hidden in [secret.as_str(), sealing, "hunter2"] {
            assert!(!all.contains(hidden), "{args:?} shows {hidden}:\n{all}");
        }
        assert!(all.contains("***"), "{all}");
    }
}

#[test]
fn the_most_verbose_log_holds_no_key_and_no_sealed_key() {
    let place = Place::new();
    let _network = Network::start(&place);
    seed(&place, ["2", "3", "12"]);
    let log = ["--log-file", "log", "--log-level", "trace"];
    let migrate = [&["migrate", "--limit", "all", "--yes"], &log[..]].concat();
    let ran = place.sterna(&migrate);
    assert!(ran.code == 0 || ran.code == 3, "{}", ran.stderr);
    let retry = [&["retry", "--failed", "--yes"], &log[..]].concat();
    let again = place.sterna(retry);
    let written = fs::read_to_string(place.path().join("log")).unwrap();
    assert!(
        written.contains("TRACE") || written.contains("DEBUG"),
        "{written}"
    );
    let all = written + &ran.text() + &ran.stderr + &again.text() + &again.stderr;
    let settings = fs::read_to_string(place.path().join("migration-state/local/sandbox.env"));
    let settings = settings.unwrap();
    let is_secret = |name: &str| {
        let ends = ["_KEY", "_PROOF", "SECRET_ACCESS_KEY"];
        ends.iter().any(|end| name.ends_with(end)) && name != "AWS_ACCESS_KEY_ID"
    };
    let secrets = settings.lines().filter_map(|line| line.split_once('='));
    let secrets: Vec<_> = secrets.filter(|(name, _)| is_secret(name)).collect();
    assert!(secrets.len() >= 6, "{secrets:?}");
    for (name, secret) in secrets {
        assert!(!all.contains(secret), "{name} is in the log");
    }
    // Envelopes of the migration spaces, as rows hold them.
    for word in ["authTag", "\"encrypted\"", "encryptedKey", "encrypted_key"] {
        assert!(!all.contains(word), "{word} is in the log");
    }
    // What prints requests whole cannot be switched on.
    for level in [
        "aws_smithy_runtime=trace",
        "info,hyper=debug",
        "aws_sdk_dynamodb=debug",
    ] {
        let ran = place.sterna(["migrate", "--log-level", level]).ends(2);
        ran.tells(&["--log-level", "no more than info"]);
    }
}

/// The environment of a process that runs holds its keys.
#[test]
#[cfg(target_os = "linux")]
fn no_other_process_reads_the_memory_of_this_one() {
    let place = Place::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sterna"));
    command
        .args(["index", "show", "-"])
        .env_clear()
        .env("GATEWAY_PRIVATE_KEY", key(1));
    if is_root(&place) {
        use std::os::unix::process::CommandExt as _;
        command.current_dir("/").uid(STRANGER);
    }
    let started = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    // That user may be let in to the folder of the program or not.
    let Ok(mut child) = started else { return };
    let of = |what: &str| PathBuf::from(format!("/proc/{}/{what}", child.id()));
    crate::run::until("the process is past its start", || {
        let limits = fs::read_to_string(of("limits")).unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"))?;
        // Name, soft limit, hard limit, unit: `Max core file size  0  0  bytes`.
        let words: Vec<&str> = core.split_whitespace().collect();
        let none = matches!(words[..], [.., "0", "0", "bytes"]);
        // Root owns what no other process of that user may read.
        (none && fs::metadata(of("environ")).unwrap().uid() == 0).then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
}
