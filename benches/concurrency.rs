//! How much faster `--concurrency 16` is than `--concurrency 1` with 50 ms before every request.
//!
//! Not a criterion benchmark: one run of the whole job is the unit, and what counts is the
//! ratio of two runs over equal worlds, one after the other on the same machine.
//!
//! `cargo bench --bench concurrency`, or with `--profile dev` where a release build is too long.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

const LATENCY: &str = "50ms";
const CUSTOMERS: &str = "8";
const SPACES: &str = "20";
const UPLOADS: &str = "160";

/// The local network in a folder; killed with the value.
struct Network(Child);

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sterna(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sterna"));
    command
        .arg("--state-dir")
        .arg(dir)
        .args(["--output", "json"])
        .current_dir(dir);
    command
}

fn run(dir: &Path, args: &[&str]) -> Value {
    let done = sterna(dir)
        .args(args)
        .stderr(Stdio::null())
        .output()
        .expect("sterna starts");
    // 3: the damaged uploads of the world are quarantined.
    let code = done.status.code();
    assert!(
        matches!(code, Some(0 | 3)),
        "sterna {args:?} exited {code:?}"
    );
    serde_json::from_slice(&done.stdout).unwrap_or(Value::Null)
}

/// Migrates an equal world with so many uploads in flight; gives uploads and seconds.
fn measure(concurrency: &str) -> (f64, f64) {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let mut child = sterna(dir)
        .args(["sandbox", "start", "--latency", LATENCY])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the local network starts");
    let out = child.stdout.take().expect("its output is piped");
    let _network = Network(child);
    let mut ready = String::new();
    BufReader::new(out)
        .read_line(&mut ready)
        .expect("it says that it is ready");

    let world = [
        "--customers",
        CUSTOMERS,
        "--spaces",
        SPACES,
        "--uploads",
        UPLOADS,
    ];
    run(dir, &[&["sandbox", "seed"], &world[..]].concat());
    run(dir, &["init"]);
    run(dir, &["setup", "--instances", "1"]);
    let file = dir.join("instance-1-customers.json");
    let file = file.to_str().expect("the path is text");
    let report = run(
        dir,
        &[
            "migrate",
            "--customers-file",
            file,
            "--concurrency",
            concurrency,
        ],
    );
    let number = |value: &Value| value.as_f64().expect("a number in the report");
    (
        number(&report["counts"]["planned"]),
        number(&report["seconds"]),
    )
}

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn main() {
    let mut rates = Vec::new();
    for concurrency in ["1", "16"] {
        let (uploads, seconds) = measure(concurrency);
        let rate = uploads / seconds;
        println!(
            "concurrency {concurrency:>2}: {uploads} uploads in {seconds:.2} s, {rate:.2} uploads/s"
        );
        rates.push(rate);
    }
    println!("ratio: {:.1}", rates[1] / rates[0]);
}
