//! The local network as a command: start it, seed it, ask how it is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{CommandError, Kind, Stop, Tasks};
use crate::config::{Settings, options};
use crate::runtime::private::Refused;
use crate::runtime::{StopLevel, error_chain};
use crate::sandbox::{self, Config, Control, Sandbox};

/// The folder of the local network inside the state folder.
const FOLDER: &str = "local";
/// How long a network that was asked to stop may take.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// Runs the local network until told to stop; `ready` gets its description, without secrets, once.
///
/// # Errors
/// [`Kind::Lease`] if another process has the folder.
pub async fn sandbox_start(
    settings: &Settings,
    options: options::SandboxStart,
    stop: Stop,
    ready: impl FnOnce(&Value) + Send,
) -> Result<()> {
    let dir = options.dir.unwrap_or_else(|| folder(settings));
    let mut config = Config::in_dir(dir);
    config.seed = options.seed;
    if let Some(latency) = options.latency {
        config = config.with_latency(latency);
    }
    let started = Sandbox::start(config).await;
    let sandbox = started.map_err(|error| not_started(&error))?;
    if let Some(file) = &options.env_file {
        sandbox.write_env(file)?;
    }
    ready(&sandbox.notice());
    until_stopped(&sandbox, &stop).await;
    sandbox.shutdown().await;
    Ok(())
}

/// Waits for a signal, or for `sandbox stop`.
pub(super) async fn until_stopped(sandbox: &Sandbox, stop: &Stop) {
    tokio::select! {
        () = stop.reached(StopLevel::Drain) => {}
        () = sandbox.asked_to_stop() => {}
    }
}

/// What it means that a local network did not start.
pub(super) fn not_started(error: &sandbox::SandboxError) -> CommandError {
    if let sandbox::SandboxError::File { source, .. } = error
        && Refused::of(source).is_some()
    {
        return CommandError::of_io(error.to_string(), source);
    }
    let (kind, cause, next) = match error {
        sandbox::SandboxError::Held { pid, .. } => (
            Kind::Lease,
            format!("process {pid} (`sterna sandbox start` or `sterna demo`) already uses it"),
            "use that one, stop it with `sterna sandbox stop`, or name another folder with --state-dir",
        ),
        sandbox::SandboxError::OtherSeed { .. } => (
            Kind::Usage,
            "a network keeps the seed from which its keys are derived".to_owned(),
            "leave --seed out, or name another folder with --state-dir",
        ),
        sandbox::SandboxError::Port { .. } => (
            Kind::Temporary,
            "another program now listens on a port of this network".to_owned(),
            "stop that program, or name another folder with --state-dir",
        ),
        other => (
            Kind::Unexpected,
            std::error::Error::source(other).map_or_else(String::new, ToString::to_string),
            "check the folder, or name another one with --state-dir",
        ),
    };
    CommandError::new(kind, error_chain(error), cause, next)
}

/// What `sandbox stop` found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StopReport {
    /// The folder.
    pub dir: PathBuf,
    /// The process that ran the network, which has ended; `None` if none ran.
    pub stopped_pid: Option<u32>,
}

/// Ends the local network of a folder, and waits until its process has let go of the folder.
///
/// # Errors
/// [`Kind::Temporary`] if it does not answer, or does not end.
pub async fn sandbox_stop(settings: &Settings, dir: Option<PathBuf>) -> Result<StopReport> {
    let dir = dir.unwrap_or_else(|| folder(settings));
    let Some(pid) = sandbox::holder(&dir)? else {
        return Ok(StopReport {
            dir,
            stopped_pid: None,
        });
    };
    let stuck = |what: &str| {
        CommandError::new(
            Kind::Temporary,
            format!("stop the local network in {}", dir.display()),
            format!("process {pid} has it and {what}"),
            format!("kill {pid}"),
        )
    };
    let control = control(&dir)?;
    let asked = post(&client()?, &control, "/stop").timeout(ENDS_WITHIN);
    let answer = asked.send().await;
    if !answer.is_ok_and(|answer| answer.status().is_success()) {
        return Err(stuck("does not answer").into());
    }
    let waiting = {
        let dir = dir.clone();
        Tasks::new().blocking(move || sandbox::wait_until_free(&dir))
    };
    match tokio::time::timeout(ENDS_WITHIN, waiting).await {
        Ok(ended) => ended??,
        Err(_) => return Err(stuck("does not end").into()),
    }
    Ok(StopReport {
        dir,
        stopped_pid: Some(pid),
    })
}

/// Seeds a legacy world into the running local network.
///
/// # Errors
/// No local network runs, or it does not answer.
pub async fn sandbox_seed(settings: &Settings, world: options::World) -> Result<Value> {
    let control = control(&folder(settings))?;
    let wanted = json!({
        "seed": world.seed,
        "customers": world.customers,
        "spaces": world.spaces,
        "uploads": world.uploads,
    });
    let request = post(&client()?, &control, "/seed").body(wanted.to_string());
    ask(request, &control).await
}

/// Says whether the local network runs, where, and what it was asked so far.
///
/// # Errors
/// No local network runs, or it does not answer.
pub async fn sandbox_status(settings: &Settings) -> Result<Value> {
    let control = control(&folder(settings))?;
    let client = client()?;
    let mut network = ask(get(&client, &control, ""), &control).await?;
    let requests = ask(get(&client, &control, "/requests"), &control).await?;
    if let Some(network) = network.as_object_mut() {
        // Keys and proofs are in the environment file; a status is no place for them.
        network.remove("env");
        network.insert("requests".into(), requests["services"].clone());
    }
    Ok(network)
}

fn folder(settings: &Settings) -> PathBuf {
    settings.state_dir.join(FOLDER)
}

/// A client of this machine: no proxy stands between.
fn client() -> Result<reqwest::Client> {
    let client = reqwest::Client::builder().no_proxy().build();
    client.context("make a client for the local network")
}

fn get(client: &reqwest::Client, control: &Control, path: &str) -> reqwest::RequestBuilder {
    let request = client.get(format!("{}/_sandbox{path}", control.url));
    request.bearer_auth(control.token.as_str())
}

fn post(client: &reqwest::Client, control: &Control, path: &str) -> reqwest::RequestBuilder {
    let request = client.post(format!("{}/_sandbox{path}", control.url));
    request.bearer_auth(control.token.as_str())
}

fn control(dir: &Path) -> Result<Control> {
    sandbox::control(dir)?.ok_or_else(|| {
        CommandError::new(
            Kind::NotFound,
            format!("find a local network in {}", dir.display()),
            "no network was started with this state folder",
            "sterna sandbox start",
        )
        .into()
    })
}

async fn ask(request: reqwest::RequestBuilder, control: &Control) -> Result<Value> {
    let control = &control.url;
    let answer = request.send().await.map_err(|error| {
        CommandError::new(
            Kind::Temporary,
            format!("ask the local network at {control}: {error}"),
            "it is not running; only its folder is left",
            "sterna sandbox start",
        )
    })?;
    let failed = !answer.status().is_success();
    let body: Value = serde_json::from_slice(&answer.bytes().await?)
        .with_context(|| format!("read the answer of the local network at {control}"))?;
    if failed {
        anyhow::bail!(
            "the local network refused: {}",
            body["error"].as_str().unwrap_or("no reason")
        );
    }
    Ok(body)
}
