//! The whole main job on the local network.

use anyhow::{Result, bail};
use serde_json::Value;

use super::Stop;
use crate::config::{Settings, options};

/// The whole main job on the local network; gives the summary.
pub async fn demo(_settings: &Settings, _options: options::Demo, _stop: Stop) -> Result<Value> {
    bail!("run the demonstration: not wired yet")
}
