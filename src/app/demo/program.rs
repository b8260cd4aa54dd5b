//! Runs this very program as an operator would, one process per command.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::Command;

use crate::app::{CommandError, Kind};
use crate::runtime::{Stop, StopLevel, private};

/// Lines of a log that an error shows.
const TAIL: usize = 8;

/// The program with a state folder.
pub(super) struct Program {
    exe: PathBuf,
    state: PathBuf,
    logs: PathBuf,
    stop: Stop,
}

impl Program {
    pub(super) fn new(state: PathBuf, logs: PathBuf, stop: Stop) -> Result<Self> {
        let exe = std::env::current_exe().context("find the program that is running")?;
        Ok(Self {
            exe,
            state,
            logs,
            stop,
        })
    }

    /// Runs one command to its end and gives what it printed; what it says goes to `<name>.log`.
    /// Any exit code that is not expected is an error.
    pub(super) async fn run(&self, name: &str, args: &[&str], expected: &[i32]) -> Result<Value> {
        let log = self.logs.join(format!("{name}.log"));
        let said = private::replace(&log).with_context(|| format!("write {}", log.display()))?;
        let child = self
            .command(args)
            .stderr(said)
            .spawn()
            .with_context(|| format!("start {}", self.exe.display()))?;
        let forwarding = forward(&self.stop, child.id());
        let output = tokio::select! {
            output = child.wait_with_output() => output,
            never = forwarding => match never {},
        };
        let output = output.with_context(|| format!("wait for `sterna {}`", args.join(" ")))?;
        if self.stop.level() > StopLevel::Run {
            return Err(stopped(&self.stop));
        }
        let code = output.status.code().unwrap_or(-1);
        let answer = serde_json::from_slice(&output.stdout);
        match answer {
            Ok(answer) if expected.contains(&code) => Ok(answer),
            _ => Err(unexpected(args, output.status, &log)),
        }
    }

    /// The environment is empty and the working folder our own: nothing but the local network
    /// can be found from there.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.exe);
        command
            .args(args)
            .args(["--output", "json", "--state-dir"])
            .arg(&self.state)
            .current_dir(&self.state)
            .env_clear()
            .env("STORACHA_ENV", "local")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // A Ctrl-C is ours to pass on: from the terminal too it would come twice.
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// Passes the first two stops on.
async fn forward(stop: &Stop, pid: Option<u32>) -> std::convert::Infallible {
    for level in [StopLevel::Drain, StopLevel::Abort] {
        stop.reached(level).await;
        let pid = pid.and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        if let Some(pid) = pid {
            // A process that has ended needs no signal.
            let _ = kill_process(pid, Signal::TERM);
        }
    }
    std::future::pending().await
}

fn unexpected(args: &[&str], status: std::process::ExitStatus, log: &Path) -> anyhow::Error {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n         ");
    CommandError::new(
        Kind::Unexpected,
        format!("`sterna {}` ended with {status}", args.join(" ")),
        format!("its last output was\n         {tail}"),
        format!("read {}", log.display()),
    )
    .into()
}

/// What a stop means wherever it is met.
pub(super) fn stopped(stop: &Stop) -> anyhow::Error {
    CommandError::new(
        Kind::Stopped,
        "the demonstration was stopped before its end",
        stop.reason().unwrap_or("a stop was requested"),
        "run it again: it starts from the beginning",
    )
    .into()
}
