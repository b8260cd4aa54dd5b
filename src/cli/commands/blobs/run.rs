//! From the arguments of `blobs` to an exit code.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::Value;

use super::args::{
    BlobsCommand, CopyArgs, FlipArgs, GetArgs, PlanArgs, RollbackArgs, StatusArgs, VerifyArgs,
};
use super::text;
use crate::app::blobs::{
    self, CopyOptions, FlipOptions, PlanOptions, RollbackOptions, VerifyOptions,
};
use crate::cli::confirm::confirm;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::UsageError;
use crate::cli::output::Schema;
use crate::cli::progress::Progress;
use crate::cli::values;
use crate::config::{Need, Settings};
use crate::model::rename_keys;

/// What the reports that every migration has call things, and what they are called here.
const OWN_WORDS: [(&str, &str); 8] = [
    ("customers", "jobs"),
    ("customer", "job"),
    ("spaces", "prefixes"),
    ("space", "prefix"),
    ("uploads", "blobs"),
    ("upload", "blob"),
    ("roots", "keys"),
    ("root", "key"),
];

fn own_word(word: &str) -> &str {
    let mut words = OWN_WORDS.iter();
    words
        .find(|(theirs, _)| *theirs == word)
        .map_or(word, |(_, own)| own)
}

/// A report as JSON with keys in the words of this migration.
fn in_own_words(report: &impl Serialize) -> Result<Value> {
    let mut value = serde_json::to_value(report)?;
    rename_keys(&mut value, &|key| {
        let parts: Vec<&str> = key.split('_').map(own_word).collect();
        Some(parts.join("_"))
    });
    Ok(value)
}

/// Runs one of the commands.
pub(in crate::cli) async fn run(command: BlobsCommand, context: &Context) -> Result<Exit> {
    let settings = context.settings(Need::OwnState)?;
    match command {
        BlobsCommand::Plan(args) => Box::pin(plan(args, &settings, context)).await,
        BlobsCommand::Copy(args) => Box::pin(copy(args, &settings, context)).await,
        BlobsCommand::Status(args) => Box::pin(status(args, &settings, context)).await,
        BlobsCommand::Verify(args) => Box::pin(verify(args, &settings, context)).await,
        BlobsCommand::Flip(args) => Box::pin(flip(args, &settings, context)).await,
        BlobsCommand::Rollback(args) => Box::pin(rollback(args, &settings, context)).await,
        BlobsCommand::Get(args) => Box::pin(get(args, &settings, context)).await,
    }
}

async fn plan(args: PlanArgs, settings: &Settings, context: &Context) -> Result<Exit> {
    let pointer = args.pointer.as_deref().map(absolute).transpose()?;
    let options = PlanOptions {
        job: args.job.job,
        from: args.from,
        to: args.to,
        layout: args.layout,
        pointer,
        dry_run: args.dry_run || settings.dry_run,
    };
    let progress = Progress::new();
    let planned = blobs::plan(settings, options, (&context.stop, &progress.sink())).await;
    progress.finish();
    let report = planned?;
    let schema = Schema("sterna.blobs.plan", 1);
    context
        .output
        .result(schema, &report, || text::of_plan(&report, &context.typed))?;
    Ok(Exit::Done)
}

/// The file by its whole path: later commands may run in another folder.
fn absolute(path: &Path) -> Result<String> {
    let path =
        std::path::absolute(path).with_context(|| format!("use --pointer {}", path.display()))?;
    let text = path
        .to_str()
        .with_context(|| format!("use --pointer {}: it is not UTF-8", path.display()))?;
    Ok(text.to_owned())
}

/// `DRY_RUN` is never ignored.
fn refuse_dry_run(settings: &Settings, command: &str, instead: &str) -> Result<(), UsageError> {
    if settings.dry_run {
        return Err(UsageError::new(
            format!("`blobs {command}` has no dry run, and DRY_RUN is set"),
            format!("leave DRY_RUN out; {instead}"),
        ));
    }
    Ok(())
}

async fn copy(args: CopyArgs, settings: &Settings, context: &Context) -> Result<Exit> {
    refuse_dry_run(
        settings,
        "copy",
        "`sterna blobs verify` says what is missing",
    )?;
    let options = CopyOptions {
        job: args.job.job,
        instance: args.instance,
        concurrency: values::in_flight(args.concurrency, settings),
        limit: args.limit,
        max_duration: args.max_duration,
        retry: args.retry,
        recheck: args.recheck,
        replace: args.replace,
    };
    let progress = Progress::new();
    let copied = Box::pin(blobs::copy(
        settings,
        options,
        (context.stop.clone(), progress.sink()),
    ))
    .await;
    progress.finish();
    let report = copied?;
    let schema = Schema("sterna.blobs.copy", 1);
    context
        .output
        .result(schema, &report, || text::of_copy(&report, &context.typed))?;
    Ok(Exit::from(&report))
}

async fn status(args: StatusArgs, settings: &Settings, context: &Context) -> Result<Exit> {
    let looking = Box::pin(blobs::status(settings, args.job.as_deref()));
    let jobs = context.unless_stopped("show the jobs", looking).await?;
    let schema = Schema("sterna.blobs.status", 1);
    let value = serde_json::json!({ "jobs": jobs });
    context
        .output
        .result(schema, &value, || text::of_status(&jobs, &context.typed))?;
    Ok(Exit::Done)
}

async fn verify(args: VerifyArgs, settings: &Settings, context: &Context) -> Result<Exit> {
    let job = args.job.job.clone();
    let options = VerifyOptions {
        job: args.job.job,
        deep: args.deep,
        concurrency: values::in_flight(args.concurrency, settings),
    };
    let progress = Progress::new();
    let audited = blobs::verify(settings, options, (context.stop.clone(), progress.sink())).await;
    progress.finish();
    let report = audited?;
    let schema = Schema("sterna.blobs.verify", 1);
    let text = || text::of_verify(&report, &job, &context.typed);
    context
        .output
        .result(schema, &in_own_words(&report)?, text)?;
    Ok(Exit::from(&report))
}

async fn flip(args: FlipArgs, settings: &Settings, context: &Context) -> Result<Exit> {
    refuse_dry_run(
        settings,
        "flip",
        "`sterna blobs verify --deep` looks at every blob",
    )?;
    confirm(
        settings.environment,
        (args.yes, "flip a job"),
        &context.stop,
    )?;
    let options = FlipOptions {
        job: args.job.job,
        sample: match args.sample {
            values::Limit::All => None,
            values::Limit::AtMost(number) => Some(number),
        },
    };
    let progress = Progress::new();
    let flipped = blobs::flip(settings, options, (&context.stop, &progress.sink())).await;
    progress.finish();
    let report = flipped?;
    let schema = Schema("sterna.blobs.flip", 1);
    context
        .output
        .result(schema, &report, || text::of_flip(&report, &context.typed))?;
    Ok(Exit::Done)
}

async fn rollback(args: RollbackArgs, settings: &Settings, context: &Context) -> Result<Exit> {
    let options = RollbackOptions {
        job: args.job.job,
        keep_copies: args.keep_copies,
        journals: args.journal,
        allow_missing_journal: args.allow_missing_journal,
        dry_run: args.dry_run || settings.dry_run,
    };
    if !options.dry_run {
        confirm(
            settings.environment,
            (args.yes, "roll a job back"),
            &context.stop,
        )?;
    }
    let progress = Progress::new();
    let ends = (context.stop.clone(), progress.sink());
    let undone = Box::pin(blobs::rollback(settings, options, ends)).await;
    progress.finish();
    let report = undone?;
    let schema = Schema("sterna.blobs.rollback", 1);
    context.output.result(schema, &in_own_words(&report)?, || {
        text::of_rollback(&report, &context.typed)
    })?;
    Ok(report.copies.as_ref().map_or(Exit::Done, Exit::from))
}

async fn get(args: GetArgs, settings: &Settings, context: &Context) -> Result<Exit> {
    let of = (&*args.job.job, &*args.id);
    let Some(path) = &args.to else {
        let mut out = tokio::io::stdout();
        let reading = Box::pin(blobs::get(settings, of, &mut out));
        context.unless_stopped("read the blob", reading).await?;
        return Ok(Exit::Done);
    };
    let mut file = create(path).await?;
    let reading = Box::pin(blobs::get(settings, of, &mut file));
    let got = context.unless_stopped("read the blob", reading).await;
    if got.is_err() {
        // What is not whole is not left.
        tokio::fs::remove_file(path).await.ok();
    }
    let got = got?;
    let schema = Schema("sterna.blobs.get", 1);
    context
        .output
        .result(schema, &got, || text::of_get(&got, path))?;
    Ok(Exit::Done)
}

/// Makes a file that is not there yet.
async fn create(path: &Path) -> Result<tokio::fs::File> {
    match tokio::fs::File::create_new(path).await {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(UsageError::new(
            format!("{} exists already, and is left as it is", path.display()),
            "name another file, or remove it first",
        )
        .into()),
        file => file.with_context(|| format!("make {}", path.display())),
    }
}
