//! State of another version, plan or environment: refused by whoever reads it, and left as it is.

use std::path::{Path, PathBuf};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use serde_json::{Value, json};
use sterna::state::files::Sealed;
use sterna::state::rows::{Condition, Key, Update, Value as Attribute};
use sterna::state::{Config, Store};

use crate::network::{Network, changes, seed};
use crate::plan::{FIRST, setup};
use crate::run::Place;

type Words = &'static [&'static str];

/// A way to make a file another's, who must refuse it then, and in what words.
type Foreign = (Box<dyn Fn(&Path)>, Words, Words);

/// A kind of file.
struct Kind {
    /// Whether a file of the state folder is of this kind.
    is: fn(&str) -> bool,
    /// Each way in which it can be another's; none for what is written and never read.
    foreign: Vec<Foreign>,
}

fn edit(path: &Path, change: impl Fn(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(path, value.to_string()).unwrap();
}

/// The body of a sealed file.
pub(crate) fn body(path: &Path) -> Value {
    let value: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    value["body"].clone()
}

const RUN: Words = &["migrate", "--customers-file", FIRST];
const AUDIT: Words = &["verify", "--customers-file", FIRST];
const UNDO: Words = &["rollback", "--customers-file", FIRST];

fn customers_file() -> Kind {
    let set = |name: &'static str, to: Value| -> Box<dyn Fn(&Path)> {
        Box::new(move |path| edit(path, |file| file[name] = to.clone()))
    };
    Kind {
        is: |name| name.ends_with("-customers.json"),
        foreign: vec![
            (
                set("version", json!(2)),
                RUN,
                &[
                    "sterna.customers version 2",
                    "reads sterna.customers version 3",
                ],
            ),
            (
                set("version", json!(4)),
                AUDIT,
                &["sterna.customers version 4", "version 3"],
            ),
            (
                set("schema", json!("sterna.other")),
                UNDO,
                &["sterna.other version 3"],
            ),
            (
                set("state", json!("production prod-migration-progress")),
                RUN,
                &[
                    "other tables: production prod-",
                    "local local-migration-progress",
                ],
            ),
            (
                set("state", json!("production prod-migration-progress")),
                &["setup"],
                &["other tables: production prod-", "use another --state-dir"],
            ),
            (
                set("plan", json!("0123456789")),
                RUN,
                &["plan 01234567, which was never in force"],
            ),
        ],
    }
}

/// A customers file of tables that only have the same name.
fn customers_file_of_other_tables() -> Kind {
    let set = |name: &'static str, to: &'static str| -> Box<dyn Fn(&Path)> {
        Box::new(move |path| edit(path, |file| file["state"][name] = json!(to)))
    };
    Kind {
        foreign: vec![
            (
                set("id", "0000"),
                RUN,
                &["tables id 0000", "sterna setup", "nothing was done"],
            ),
            (
                set("account", "505595374361"),
                AUDIT,
                &["account 505595374361", "account 000000000000"],
            ),
            (
                set("region", "eu-west-1"),
                &["setup"],
                &["region eu-west-1", "use another --state-dir"],
            ),
            // What does not say its tables is of none.
            (
                Box::new(|path| {
                    edit(path, |file| {
                        file["state"] = json!("local local-migration-progress");
                    });
                }),
                UNDO,
                &["tables id none", "nothing was done"],
            ),
        ],
        ..customers_file()
    }
}

fn checkpoint() -> Kind {
    let seal = |version: u32, change: fn(&mut Value)| -> Box<dyn Fn(&Path)> {
        Box::new(move |path| {
            let mut body = body(path);
            change(&mut body);
            Sealed::new(path, "sterna.checkpoint", version)
                .write(&body)
                .unwrap();
        })
    };
    Kind {
        is: |name| name.ends_with("-checkpoint.json") && name.starts_with("instance-"),
        foreign: vec![
            (
                seal(0, |_| {}),
                RUN,
                &["sterna.checkpoint version 0", "sterna.checkpoint version 1"],
            ),
            (
                seal(2, |_| {}),
                RUN,
                &["sterna.checkpoint version 2", "sterna.checkpoint version 1"],
            ),
            (
                seal(1, |body| body["state"] = json!("staging x")),
                RUN,
                &["state staging x", "state local local-migration-progress"],
            ),
            (
                seal(1, |body| body["state"]["id"] = json!("0000")),
                RUN,
                &[
                    "tables id 0000",
                    "tables id ",
                    "recreated",
                    "nothing was changed",
                ],
            ),
            (
                seal(1, |body| body["state"]["account"] = json!("505595374361")),
                RUN,
                &["account 505595374361", "account 000000000000"],
            ),
            (
                seal(1, |body| body["state"]["region"] = json!("eu-west-1")),
                RUN,
                &["region eu-west-1"],
            ),
            (
                seal(1, |body| body["migration"] = json!("blobs")),
                RUN,
                &["migration blobs", "migration uploads"],
            ),
        ],
    }
}

fn journal() -> Kind {
    let replace = |from: &'static str, to: &'static str| -> Box<dyn Fn(&Path)> {
        Box::new(move |path| {
            let text = std::fs::read_to_string(path).unwrap();
            assert!(text.contains(from), "{text}");
            std::fs::write(path, text.replace(from, to)).unwrap();
        })
    };
    Kind {
        is: |name| name.ends_with("-journal.ndjson"),
        foreign: vec![
            (
                replace("\"v\":1", "\"v\":2"),
                UNDO,
                &["journal version 2", "reads journal version 1"],
            ),
            (replace("\"v\":1", "\"v\":0"), UNDO, &["journal version 0"]),
            (
                replace(r#""environment":"local""#, r#""environment":"staging""#),
                UNDO,
                &[
                    "effects of staging local-",
                    "expected those of local local-",
                ],
            ),
            (
                replace(
                    r#""tables":"local-migration-progress","id":""#,
                    r#""tables":"local-migration-progress","id":"00"#,
                ),
                UNDO,
                &["tables id 00", "expected those of local local-"],
            ),
            (
                replace(r#""account":"000000000000""#, r#""account":"505595374361""#),
                UNDO,
                &["account 505595374361", "account 000000000000"],
            ),
            (
                replace(r#""region":""#, r#""region":"x-"#),
                UNDO,
                &["region x-"],
            ),
        ],
    }
}

/// Left by a setup that was interrupted.
fn count() -> Kind {
    const AGAIN: &[&str] = &["setup", "--instances", "1"];
    let write = |version: u32, of: Value| -> Box<dyn Fn(&Path)> {
        Box::new(move |path| {
            let body =
                json!({ "state": of, "uploads_table": "local-w3infra-upload", "uploads": {} });
            Sealed::new(path, "sterna.setup", version)
                .write(&body)
                .unwrap();
        })
    };
    Kind {
        is: |name| name == "setup-checkpoint.json",
        foreign: vec![
            (
                write(1, json!("local local-migration-progress")),
                AGAIN,
                &["sterna.setup version 1", "sterna.setup version 2"],
            ),
            (
                write(3, json!("local local-migration-progress")),
                AGAIN,
                &["sterna.setup version 3", "sterna.setup version 2"],
            ),
            (
                write(2, json!("staging x")),
                AGAIN,
                &["another network: staging x", "this setup works on local"],
            ),
            // Of tables that were made again under the same name.
            (
                write(
                    2,
                    json!({"environment": "local", "tables": "local-migration-progress", "id": "0000",
                        "account": "000000000000", "region": "dynoxide"}),
                ),
                AGAIN,
                &[
                    "tables id 0000",
                    "this setup works on local",
                    "nothing was changed",
                ],
            ),
        ],
    }
}

fn folder() -> Kind {
    let spoil = |path: &Path| {
        Sealed::new(path, "sterna.state-folder", 2)
            .write(&7)
            .unwrap();
    };
    Kind {
        is: |name| name == "state-folder.json",
        foreign: vec![(
            Box::new(spoil),
            &["migrate", "--customers-file", FIRST],
            &[
                "sterna.state-folder version 2",
                "sterna.state-folder version 1",
            ],
        )],
    }
}

/// Every kind of file that a state folder may hold. A new one has no row, and fails.
fn kinds() -> Vec<Kind> {
    let never_read = |is| Kind {
        is,
        foreign: Vec::new(),
    };
    vec![
        customers_file(),
        checkpoint(),
        journal(),
        count(),
        folder(),
        // Results, and the reports of audits and of dry runs.
        never_read(|name| name.ends_with("-results.ndjson")),
        never_read(|name| name.contains("-audit-")),
        never_read(|name| name.contains("-plan-")),
        // Locks are empty.
        never_read(|name| Path::new(name).extension().is_some_and(|end| end == "lock")),
    ]
}

fn files(place: &Place) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place.path().join("migration-state")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap().to_str().unwrap();
    // The one before it is of the same kind.
    name.replace(".previous.json", ".json")
}

/// A variable of the network, as its description says it.
pub fn variable(place: &Place, name: &str) -> String {
    let env = std::fs::read_to_string(place.path().join("migration-state/local/sandbox.env"));
    let env = env.unwrap();
    let mut lines = env.lines().filter_map(|line| line.split_once('='));
    let (_, value) = lines.find(|(other, _)| *other == name).unwrap();
    value.trim_matches('"').to_owned()
}

/// `DynamoDB` of the network.
pub fn client(place: &Place) -> aws_sdk_dynamodb::Client {
    let endpoint = variable(place, "AWS_ENDPOINT_URL_DYNAMODB");
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-2"))
        .credentials_provider(Credentials::new("x", "y", None, None, "test"))
        .endpoint_url(endpoint);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// The shared state of the network, as the program sees it.
pub fn store(place: &Place) -> Store {
    Store::new(
        &client(place),
        Config::new(
            sterna::migrations::uploads::namespace("local-migration-"),
            place.path(),
        ),
    )
}

/// Writes what the tables say of themselves.
fn say(place: &Place, format: &Value) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = store(place);
        let key = Key::two(("scope", "state"), ("entry", "format"));
        let update = Update::new().set("format", Attribute::from(format.clone()));
        let table = store.config().namespace.tables.control.clone();
        let rows = store.rows();
        let updated = rows.update(&table, &key, update, Condition::Always);
        updated.await.unwrap();
    });
}

#[test]
fn state_of_another_version_or_environment_is_refused_by_whoever_reads_it() {
    let place = Place::new();
    let _network = Network::start(&place);
    seed(&place, ["2", "3", "12"]);
    setup(&place, "1", 0);
    // Everything that writes files.
    let scoped = |command: &[&str], codes: [i32; 2]| {
        let ran = place.sterna(command.iter().chain(&["--customers-file", FIRST]));
        assert!(codes.contains(&ran.code), "{command:?}: {}", ran.stderr);
    };
    scoped(&["migrate", "--dry-run"], [0, 0]);
    scoped(&["migrate"], [0, 3]);
    scoped(&["verify"], [0, 4]);
    let retry = place.sterna(["retry", "--failed"]);
    assert!([0, 3].contains(&retry.code));
    let mut kinds = kinds();
    for path in files(&place) {
        let name = name(&path);
        let of = kinds.iter().filter(|kind| (kind.is)(&name)).count();
        assert_eq!(
            of, 1,
            "{name}: say in `kinds` how one of another version is refused"
        );
    }
    kinds.push(customers_file_of_other_tables());
    let before = changes(&place);
    for kind in &kinds {
        let files = files(&place);
        let path = files.iter().find(|path| (kind.is)(&name(path))).cloned();
        let path =
            path.unwrap_or_else(|| place.path().join("migration-state/setup-checkpoint.json"));
        let held = std::fs::read(&path).ok();
        for (spoil, command, words) in &kind.foreign {
            spoil(&path);
            let spoiled = std::fs::read(&path).unwrap();
            place.sterna(*command).ends(13).tells(words);
            assert_eq!(
                std::fs::read(&path).unwrap(),
                spoiled,
                "{} was written over",
                path.display()
            );
            match &held {
                Some(held) => std::fs::write(&path, held).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
        }
        // What was kept of the spoiled ones.
        let _ = std::fs::remove_file(path.with_extension("previous.json"));
    }
    assert_eq!(changes(&place), before, "nothing was done");

    the_tables_say_what_they_hold(&place);
    scoped(&["migrate"], [0, 3]);
}

/// One row stands for the rows of all tables: whoever opens them looks at it.
fn the_tables_say_what_they_hold(place: &Place) {
    let all: [&[&str]; 8] = [
        &["setup", "--instances", "1"],
        &["migrate", "--customers-file", FIRST],
        &["verify", "--customers-file", FIRST],
        &["retry", "--failed"],
        &["rollback", "--customers-file", FIRST],
        &["monitor"],
        &["ctl", "pause", "--why", "x"],
        &["init"],
    ];
    for (version, environment) in [(2, "local"), (0, "local"), (1, "staging")] {
        say(
            place,
            &json!({ "version": version, "environment": environment, "program": "7.7.7" }),
        );
        let before = changes(place);
        for command in all {
            let found = format!("version {version} of {environment}");
            place
                .sterna(command)
                .ends(13)
                .tells(&[&found, "7.7.7", "version 1 of local"]);
        }
        assert_eq!(changes(place), before, "nothing was done");
    }
    say(
        place,
        &json!({ "version": 1, "environment": "local", "program": "7.7.7" }),
    );
}
