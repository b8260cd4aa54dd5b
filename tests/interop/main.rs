//! The clients against the network's own services: its upload service, and a gateway, an indexing service and a
//! storage node on its own UCAN server and validator.
//!
//! These need Node and the pinned packages: `tests/interop/run.sh` installs them and runs everything. Without it each
//! test is ignored by name, and one line says so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod altered;
mod claiming;
#[expect(dead_code, reason = "other suites ask more of it")]
#[path = "../uploads/fixture.rs"]
mod fixture;
mod migrating;
mod real;
mod uploading;
#[expect(dead_code, reason = "other suites ask more of it")]
#[path = "../uploads/worker.rs"]
mod worker;

use std::io::Write as _;

/// The versions are pinned one by one, so that the suites mean the same everywhere.
#[test]
fn the_packages_are_pinned_and_what_is_left_out_is_said() {
    let read = |name: &str| -> serde_json::Value {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
        serde_json::from_slice(&std::fs::read(path.join(name)).unwrap()).unwrap()
    };
    let (wanted, locked) = (read("package.json"), read("package-lock.json"));
    for (name, version) in wanted["dependencies"].as_object().unwrap() {
        let package = &locked["packages"][format!("node_modules/{name}")];
        assert_eq!(&package["version"], version, "{name} is not pinned");
        assert!(package["integrity"].is_string(), "{name}");
    }
    if !std::env::args().any(|argument| argument.ends_with("ignored")) {
        // Straight to the stream, which the test runner does not hold back.
        let line = "\ninterop: the suites against the network's own services are left out (they need Node 20); \
                    run tests/interop/run.sh\n";
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
}
