//! Dry runs of every command that writes: by the flag, and by `DRY_RUN`.

use super::{FILE, number, planned};
use crate::network::{Network, changes};
use crate::run::Place;

const NOTICE: &str = "dry run: nothing will be changed";

/// Files of the state folder that commands read: dry runs leave them as they are.
fn read_files(place: &Place) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let names = place.entries().into_iter().filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let report = name.contains("plan") || path.extension().is_some_and(|end| end == "lock");
        path.is_file() && !path.to_string_lossy().contains("/local/") && !report
    });
    names
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect()
}

/// Runs a command by its flag and by the environment; both say that they do nothing, and do nothing.
fn does_nothing(place: &Place, args: &[&str], flag: &str) -> [String; 2] {
    let (before, files) = (changes(place), read_files(place));
    let flagged = place.sterna(args.iter().chain(&[flag]));
    let asked = place.sterna(args.iter().chain(&["--env-file", "dry.env"]));
    let texts = [flagged, asked].map(|ran| {
        let ran = ran.ends(0);
        assert!(ran.stderr.contains(NOTICE), "{args:?}: {}", ran.stderr);
        ran.text()
    });
    assert_eq!(changes(place), before, "{args:?}");
    assert_eq!(read_files(place), files, "{args:?}");
    texts
}

/// A report of a run of the plan.
fn report(place: &Place, flags: &[&str], code: i32) -> serde_json::Value {
    let args = ["migrate", "--customers-file", FILE, "--output", "json"];
    place.sterna(args.iter().chain(flags)).ends(code).json()
}

/// What a dry run of all steps, and of each, would do.
fn by_step(place: &Place) {
    let all = [
        "store ",
        " of CARs to read)",
        "register ",
        "publish ",
        "authorise ",
    ];
    let steps = [
        (None, &all[..]),
        (Some("--test-index"), &["store ", "register "]),
        (Some("--test-gateway-auth"), &["authorise "]),
    ];
    for (step, wanted) in steps {
        let args = ["migrate", "--customers-file", FILE]
            .into_iter()
            .chain(step);
        let args: Vec<&str> = args.collect();
        for text in does_nothing(place, &args, "--dry-run") {
            let planned = text.lines().find(|line| line.starts_with("would: "));
            let planned = planned.unwrap();
            let parts = wanted.iter().filter(|word| !word.contains("CARs")).count();
            assert_eq!(planned.matches(", ").count() + 1, parts, "{planned}");
            for word in wanted {
                assert!(planned.contains(word), "{step:?}: {word}: {planned}");
            }
        }
    }
    // Nothing would be published, and why is said.
    let args = [
        "migrate",
        "--customers-file",
        FILE,
        "--test-location-claims",
    ];
    for text in does_nothing(place, &args, "--dry-run") {
        for word in [
            "would: change nothing",
            "5 spaces not checked",
            "--test-gateway-auth",
        ] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
}

#[test]
fn dry_runs_hold_for_every_command_that_writes() {
    let place = Place::new();
    place.file("dry.env", "DRY_RUN=true\n");
    let _network = Network::start(&place);
    for text in does_nothing(&place, &["init"], "--dry-run") {
        assert!(text.contains("would be created"), "{text}");
    }
    place.sterna(["init"]).ends(0);
    let world = ["--customers", "3", "--spaces", "5", "--uploads", "20"];
    place
        .sterna(
            ["sandbox", "seed", "--env-file", "dry.env"]
                .iter()
                .chain(&world),
        )
        .ends(0);
    // The count of the uploads is kept for the setup that follows.
    place
        .sterna(["setup", "--instances", "1", "--analyze"])
        .ends(0);
    does_nothing(&place, &["setup", "--instances", "1"], "--dry-run");
    place.sterna(["setup", "--instances", "1"]).ends(0);

    by_step(&place);
    let plan = report(&place, &["--dry-run"], 0);
    assert_eq!(plan["dry_run"], true);
    let planned = |step: &str| number(&plan["would"][step], "effects");
    assert!(number(&plan["would"]["store-index"], "bytes_to_read") > 0);
    let ran = report(&place, &[], 3);
    for step in ["store-index", "location-claims"] {
        let made = number(&ran["steps"][step], "applied");
        assert!(made > 0 && made <= planned(step), "{plan:#}\n{ran:#}");
    }

    does_nothing(&place, &["retry", "--failed"], "--dry-run");
    does_nothing(&place, &["rollback", "--customers-file", FILE], "--dry-run");
    for wish in ["pause", "drain", "resume"] {
        let args = ["ctl", wish, "--why", "the test looks"];
        for text in does_nothing(&place, &args, "--dry-run") {
            assert!(text.contains(&format!("would {wish}")), "{text}");
        }
    }
    does_nothing(
        &place,
        &["ctl", "set", "rate=600", "--why", "the test looks"],
        "--dry-run",
    );
    let status = place
        .sterna(["ctl", "log", "--output", "json"])
        .ends(0)
        .text();
    assert!(!status.contains("the test looks"), "{status}");
    let wrong = place.file("wrong.env", "DRY_RUN=perhaps\n");
    let args = [
        "ctl",
        "pause",
        "--why",
        "x",
        "--env-file",
        wrong.to_str().unwrap(),
    ];
    drop(place.sterna(args).ends(2).tells(&["DRY_RUN"]));
}

#[test]
fn a_dry_run_of_a_finished_world_would_change_nothing() {
    let place = Place::new();
    let _network = planned(&place);
    let ran = report(&place, &[], 3);
    // Of what has ended a run does nothing, and neither says a dry run that it would.
    let plan = report(&place, &["--dry-run"], 0);
    assert!(number(&plan, "ended_spaces") > 1, "{plan:#}");
    assert!(plan["would"].is_null(), "{plan:#}");
    let dry = ["migrate", "--customers-file", FILE, "--dry-run"];
    let text = place.sterna(dry).ends(0).text();
    for words in ["would: change nothing", "ended spaces not checked"] {
        assert!(text.contains(words), "{text}");
    }
    // What failed is told as work that is left, and nothing else is.
    let plan = report(&place, &["--recheck", "--dry-run"], 0);
    assert_eq!(
        number(&plan["verdicts"], "ok"),
        number(&ran["counts"], "done")
    );
    assert!(
        number(&plan["would"]["gateway-auth"], "effects") <= 1,
        "{plan:#}"
    );
}
