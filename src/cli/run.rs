//! From arguments to an exit code: parse, log, run, explain what failed.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::FromArgMatches as _;
use clap::error::ContextValue;
use tokio_util::sync::CancellationToken;

use super::args::{self, Cli, Commands, Global};
use super::commands as one;
use super::context::Context;
use super::exit::Exit;
use super::failure;
use super::output::{talk, talk_lines};
use crate::app::{self, Stop, StopLevel, Tasks};
use crate::monitor::{is_printable, printable};

/// How long detached work may still hold the process after its command ended.
const LINGER: Duration = Duration::from_millis(500);

/// Runs the program with these arguments.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    app::keep_private();
    let args: Vec<OsString> = args.into_iter().collect();
    let parsed = args::command()
        .try_get_matches_from(&args)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let exit = match error.exit_code() {
                0 => Exit::Done,
                _ => Exit::Usage,
            };
            say(error, &args);
            return exit.into();
        }
    };
    let typed = typed(&args);
    match start(cli, &typed) {
        Ok(exit) => exit.into(),
        Err(error) => {
            talk_lines(&failure::describe(&error, &typed));
            Exit::of_error(&error).into()
        }
    }
}

/// Prints help, or what is wrong with the arguments. They may be of others, out of a script: what a terminal would obey
/// in them, or what would make a line of its own, is written out where they are quoted.
fn say(mut error: clap::Error, args: &[OsString]) {
    if args.iter().all(|arg| is_printable(&arg.to_string_lossy())) {
        let _ = error.print();
        return;
    }
    let quoted: Vec<_> = error
        .context()
        .map(|(kind, value)| (kind, written_out(value)))
        .collect();
    for (kind, value) in quoted {
        error.insert(kind, value);
    }
    talk_lines(&error.render().to_string());
}

/// What an error quotes, with all that a terminal would obey in words.
fn written_out(value: &ContextValue) -> ContextValue {
    let out = |text: &String| printable(text).into_owned();
    match value {
        ContextValue::String(text) => ContextValue::String(out(text)),
        ContextValue::Strings(texts) => ContextValue::Strings(texts.iter().map(out).collect()),
        other => other.clone(),
    }
}

/// The command as it was typed, for advice.
fn typed(args: &[OsString]) -> String {
    let rest = args
        .iter()
        .skip(1)
        .map(|arg| quoted(&arg.to_string_lossy()));
    let words = std::iter::once("sterna".to_owned()).chain(rest);
    words.collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:=,@%+#".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) && !word.starts_with('#') {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
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
        () = log_stop_levels(&stop) => Ok(Exit::Stopped),
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
async fn log_stop_levels(stop: &Stop) {
    stop.reached(StopLevel::Drain).await;
    if let Some(signal @ ("SIGINT" | "SIGTERM" | "SIGHUP")) = stop.reason() {
        talk(&format!(
            "stopping ({signal}): starting nothing new, settling what is in flight; repeat to abort"
        ));
    }
    stop.reached(StopLevel::Abort).await;
    let why = stop.abort_reason().unwrap_or("on request");
    talk(&format!(
        "aborting ({why}): dropping what is in flight, releasing leases; repeat to exit now"
    ));
    stop.reached(StopLevel::Exit).await;
}

async fn dispatch(command: Commands, context: &Context) -> Result<Exit> {
    match command {
        #[cfg(feature = "sandbox")]
        Commands::Demo(args) => Box::pin(one::demo::run(args, context)).await,
        #[cfg(feature = "sandbox")]
        Commands::Sandbox(args) => Box::pin(one::sandbox::run(args, context)).await,
        Commands::Blobs(args) => Box::pin(one::blobs::run(args, context)).await,
        Commands::Init(args) => one::init::run(args, context).await,
        Commands::Setup(args) => Box::pin(one::setup::run(args, context)).await,
        Commands::Migrate(args) => Box::pin(one::migrate::run(*args, context)).await,
        Commands::Verify(args) => Box::pin(one::verify::run(*args, context)).await,
        Commands::Retry(args) => Box::pin(one::retry::run(*args, context)).await,
        Commands::Rollback(args) => Box::pin(one::rollback::run(*args, context)).await,
        Commands::Monitor(args) => Box::pin(one::monitor::run(args, context)).await,
        Commands::Ctl(args) => one::ctl::run(args, context).await,
        Commands::Explain(args) => {
            let work = one::explain::run(args, context);
            context.unless_interrupted(work).await
        }
        Commands::Index(args) => {
            let work = one::inspect::index::run(args);
            context.unless_interrupted(work).await
        }
        Commands::Claims(args) => {
            let work = one::inspect::claims::run(args, context);
            context.unless_interrupted(work).await
        }
        Commands::Ucan(args) => one::inspect::ucan::run(args, context),
        Commands::Config(args) => one::config::run(&args, context),
        Commands::Completions(args) => one::completions::run(&args, &mut args::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_repeats_a_command_as_a_shell_takes_it() {
        let words = ["sterna", "ctl", "pause", "--why", "it's late"].map(OsString::from);
        assert_eq!(typed(&words), r"sterna ctl pause --why 'it'\''s late'");
    }
}
