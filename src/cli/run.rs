//! From arguments to an exit code: parse, log, run, explain what failed.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::FromArgMatches as _;
use tokio_util::sync::CancellationToken;

use super::args::{self, Cli, Commands, Global};
use super::commands as one;
use super::exit::Exit;
use super::failure;
use super::output::{Output, talk};
use crate::app::{self, Degree, Stop, Tasks};
use crate::config::{Flags, Need, Settings};
use crate::monitor::Paint;

/// How long detached work may still hold the process after its command ended.
const LINGER: Duration = Duration::from_millis(500);

/// What a command is given beside its arguments.
pub(super) struct Context {
    /// Where settings come from.
    pub(super) flags: Flags,
    /// The form of results.
    pub(super) output: Output,
    /// Whether results have colours.
    pub(super) paint: Paint,
    /// Whether talk has colours.
    #[cfg(feature = "sandbox")]
    pub(super) talk: Paint,
    /// Whether to stop.
    pub(super) stop: Stop,
    /// The command as it was typed, for advice.
    pub(super) typed: String,
}

impl Context {
    /// Does what only looks: the first signal ends it.
    pub(super) async fn unless_stopped<T>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        app::unless_stopped(&self.stop, what, work).await
    }

    /// The settings a command needs, or every fault in them.
    pub(super) fn settings(&self, need: Need) -> Result<Settings> {
        Ok(Settings::load(&self.flags, need)?)
    }
}

/// Runs the program with these arguments.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let parsed = args::command()
        .try_get_matches_from(&args)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.exit_code() == 0 {
                Exit::Done.into()
            } else {
                Exit::Usage.into()
            };
        }
    };
    let typed = typed(&args);
    match start(cli, &typed) {
        Ok(exit) => exit.into(),
        Err(error) => {
            talk(&failure::describe(&error, &typed));
            Exit::of_error(&error).into()
        }
    }
}

/// The command as it was typed, for advice.
fn typed(args: &[OsString]) -> String {
    let rest = args.iter().skip(1).map(|arg| arg.to_string_lossy());
    let words = std::iter::once("sterna".into()).chain(rest);
    words.collect::<Vec<_>>().join(" ")
}

fn start(cli: Cli, typed: &str) -> Result<Exit> {
    let Cli { global, command } = cli;
    // Lives to the end: it says last what was folded.
    let _log = global.log.start(global.color())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the worker threads")?;
    let exit = runtime.block_on(with_signals(global, command, typed));
    runtime.shutdown_timeout(LINGER);
    exit
}

/// Runs a command under the three degrees of stopping: the first signal drains, the second aborts, the third exits.
async fn with_signals(global: Global, command: Commands, typed: &str) -> Result<Exit> {
    let stop = Stop::new();
    let ended = CancellationToken::new();
    stop.listen(&Tasks::new(), ended.clone())
        .context("listen for signals")?;
    let context = Context {
        flags: global.flags(),
        output: global.output(),
        paint: global.paint(),
        #[cfg(feature = "sandbox")]
        talk: global.talk_paint(),
        stop: stop.clone(),
        typed: typed.to_owned(),
    };
    let result = tokio::select! {
        result = dispatch(command, &context) => result,
        () = tell_degrees(&stop) => Ok(Exit::Stopped),
    };
    ended.cancel();
    // A drain that took too long is aborted too, and is no second signal.
    match stop.abort_reason() {
        Some("SIGTERM" | "SIGHUP") => Ok(Exit::Terminated),
        Some("SIGINT") => Ok(Exit::Interrupted),
        _ => result,
    }
}

/// Says what each signal does; ready when the third says: now.
async fn tell_degrees(stop: &Stop) {
    stop.reached(Degree::Drain).await;
    if let Some(signal @ ("SIGINT" | "SIGTERM" | "SIGHUP")) = stop.reason() {
        talk(&format!(
            "stopping ({signal}): nothing new is begun, what is in flight is ended; once more to abort"
        ));
    }
    stop.reached(Degree::Abort).await;
    let why = stop.abort_reason().unwrap_or("asked to");
    talk(&format!(
        "aborting ({why}): what is in flight is dropped, leases are given back; once more to exit now"
    ));
    stop.reached(Degree::Exit).await;
}

async fn dispatch(command: Commands, context: &Context) -> Result<Exit> {
    match command {
        #[cfg(feature = "sandbox")]
        Commands::Demo(args) => Box::pin(one::demo::run(args, context)).await,
        #[cfg(feature = "sandbox")]
        Commands::Sandbox(args) => Box::pin(one::sandbox::run(args, context)).await,
        Commands::Init(args) => one::init::run(args, context).await,
        Commands::Setup(args) => Box::pin(one::setup::run(args, context)).await,
        Commands::Migrate(args) => Box::pin(one::migrate::run(*args, context)).await,
        Commands::Verify(args) => Box::pin(one::verify::run(*args, context)).await,
        Commands::Retry(args) => Box::pin(one::retry::run(*args, context)).await,
        Commands::Rollback(args) => Box::pin(one::rollback::run(*args, context)).await,
        Commands::Monitor(args) => Box::pin(one::monitor::run(args, context)).await,
        Commands::Ctl(args) => one::ctl::run(args, context).await,
        Commands::Explain(args) => Box::pin(one::explain::run(args, context)).await,
        Commands::Index(args) => one::inspect::index::run(args, context).await,
        Commands::Claims(args) => one::inspect::claims::run(args, context).await,
        Commands::Ucan(args) => one::inspect::ucan::run(args, context),
        Commands::Config(args) => one::config::run(&args, context),
        Commands::Completions(args) => one::completions::run(&args),
    }
}
