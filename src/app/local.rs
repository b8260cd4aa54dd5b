//! The local network as a command: start it, seed it, ask how it is.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Kind, Stop, Trouble};
use crate::config::{Settings, options};
use crate::runtime::Degree;
use crate::sandbox::{Config, Sandbox, control_url};

/// The folder of the local network inside the state folder.
const FOLDER: &str = "local";

/// Runs the local network until told to stop; `ready` gets its description once.
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
    let sandbox = Sandbox::start(config)
        .await
        .context("start the local network")?;
    if let Some(file) = &options.env_file {
        sandbox.write_env(file)?;
    }
    ready(&sandbox.description()?);
    stop.reached(Degree::Drain).await;
    sandbox.shutdown().await;
    Ok(())
}

/// Seeds a legacy world into the running local network.
pub async fn sandbox_seed(settings: &Settings, world: options::World) -> Result<Value> {
    let control = control(&folder(settings))?;
    let wanted = json!({
        "seed": world.seed,
        "customers": world.customers,
        "spaces": world.spaces,
        "uploads": world.uploads,
    });
    let request = client()?
        .post(format!("{control}/_sandbox/seed"))
        .body(wanted.to_string());
    ask(request, &control).await
}

/// Says whether the local network runs, where, and what it was asked so far.
pub async fn sandbox_status(settings: &Settings) -> Result<Value> {
    let control = control(&folder(settings))?;
    let client = client()?;
    let mut network = ask(client.get(format!("{control}/_sandbox")), &control).await?;
    let requests = ask(client.get(format!("{control}/_sandbox/requests")), &control).await?;
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

fn control(dir: &Path) -> Result<String> {
    control_url(dir)?.ok_or_else(|| {
        Trouble::new(
            Kind::NotFound,
            format!("find a local network in {}", dir.display()),
            "none was started with this state folder",
            "sterna sandbox start",
        )
        .into()
    })
}

async fn ask(request: reqwest::RequestBuilder, control: &str) -> Result<Value> {
    let answer = request.send().await.map_err(|error| {
        Trouble::new(
            Kind::Temporary,
            format!("ask the local network at {control}: {error}"),
            "it is not running; its folder is there from before",
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
