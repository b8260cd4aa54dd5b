//! The flags that say what a run is about, shared by `migrate` and `verify`, in part by `retry` and `explain`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;

use super::failure::UsageError;
use super::output::talk;
use super::progress::Progress;
use super::values::{self, Limit};
use crate::app::{self, Reliance, Stop, Tasks};
use crate::config::options::Scope;
use crate::config::{self, CustomersFile, Faults, Root, Settings};
use crate::proto::{CustomerDid, SpaceDid};

/// Uploads taken when nothing narrows a run.
const SAMPLE: u64 = 10;

/// The instance when neither flag nor file names one.
const FIRST: u32 = 1;

/// What commands say of a customer that narrows them.
pub(super) const CUSTOMER_HELP: &str =
    "Select this customer, by DID or e-mail address (repeatable)";
/// What commands say of a single root.
pub(super) const CID_HELP: &str = "Select the upload with this root, in every space that has it; Qm… and bafy… of the same content are one root";
/// What commands say of a list of roots.
pub(super) const ROOTS_HELP: &str = "Select the uploads with these roots, from a file with one CID per line (`#` starts a \
    comment) or a JSON list; `-` reads standard input. The command lists unknown roots at the end and exits with 3";

/// What to work on.
#[derive(Debug, Clone, Args)]
pub(super) struct ScopeArgs {
    /// Select the customers in this file, written by `setup` (or a JSON list, or an object with `customers`); `-` reads
    /// standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["customer", "space", "cid"])]
    customers_file: Option<PathBuf>,
    #[arg(long, value_name = "CUSTOMER", value_parser = values::customer, help = CUSTOMER_HELP)]
    customer: Vec<CustomerDid>,
    /// Select this space (repeatable)
    #[arg(long, value_name = "DID", value_parser = values::space)]
    space: Vec<SpaceDid>,
    #[arg(long, value_name = "CID", value_parser = values::root, group = "roots", help = CID_HELP)]
    cid: Option<Root>,
    #[arg(long, value_name = "FILE", group = "roots", help = ROOTS_HELP)]
    roots_file: Option<PathBuf>,
    /// Stop after this many uploads, or `all` [default: 10 if nothing else narrows the run, otherwise all]
    #[arg(long, value_name = "N", value_parser = values::limit, conflicts_with = "roots")]
    limit: Option<Limit>,
    /// Act as this instance; its number names the checkpoint [default: the number in the customers file, otherwise 1]
    #[arg(long, value_name = "N", value_parser = values::from_one::<u32>)]
    instance: Option<u32>,
}

impl ScopeArgs {
    /// Reads the customers file and settles limit and instance. Without a limit, what nothing narrows is a sample.
    pub(super) async fn read(&self, preparing: Preparing<'_>) -> Result<(Scope, u32)> {
        self.read_up_to(Some(SAMPLE), preparing).await
    }

    /// The same; without a limit, everything is meant.
    pub(super) async fn read_whole(&self, preparing: Preparing<'_>) -> Result<(Scope, u32)> {
        self.read_up_to(None, preparing).await
    }

    async fn read_up_to(
        &self,
        sample: Option<u64>,
        preparing: Preparing<'_>,
    ) -> Result<(Scope, u32)> {
        let stdin = |file: &Option<PathBuf>| file.as_deref().is_some_and(config::is_stdin);
        if stdin(&self.customers_file) && stdin(&self.roots_file) {
            return Err(UsageError::new(
                "--customers-file and --roots-file cannot both be standard input",
                "write one of the lists to a file",
            )
            .into());
        }
        let customers = match &self.customers_file {
            Some(path) => Some(preparing.customers_file(path).await?),
            None => None,
        };
        for note in customers.iter().flat_map(|file| &file.notes) {
            talk(&format!("note: {note}"));
        }
        let instance = instance_of(self.instance, customers.as_ref())?;
        let roots = roots_of(self.cid.as_ref(), self.roots_file.as_deref())?;
        let narrowed = customers.is_some()
            || !self.customer.is_empty()
            || !self.space.is_empty()
            || !roots.is_empty();
        let limit = match self.limit {
            Some(Limit::All) => None,
            Some(Limit::AtMost(limit)) => Some(limit),
            None if narrowed => None,
            None => sample,
        };
        let scope = Scope {
            customers,
            only_customers: self.customer.clone(),
            only_spaces: self.space.clone(),
            roots,
            limit,
        };
        Ok((scope, instance))
    }
}

/// The roots that one flag or the other names.
///
/// # Errors
/// What is wrong with the list.
pub(super) fn roots_of(one: Option<&Root>, list: Option<&Path>) -> Result<Vec<Root>, Faults> {
    match list {
        Some(path) => config::read_roots(path),
        None => Ok(one.cloned().into_iter().collect()),
    }
}

/// What comes before the work of a command: it may take long, so what is done is shown, and the first signal ends it.
#[derive(Clone, Copy)]
pub(super) struct Preparing<'a> {
    /// What the command does, such as `migrate uploads`.
    pub(super) what: &'a str,
    /// Where it is shown.
    pub(super) progress: &'a Progress,
    /// What ends it.
    pub(super) stop: &'a Stop,
}

impl<'a> Preparing<'a> {
    /// What comes before the work of a command.
    pub(super) fn new(what: &'a str, progress: &'a Progress, stop: &'a Stop) -> Self {
        Self {
            what,
            progress,
            stop,
        }
    }
}

impl Preparing<'_> {
    /// Reads the file on a thread of its own.
    pub(super) async fn customers_file(self, path: &Path) -> Result<CustomersFile> {
        let doing = format!("reading {}", path.display());
        let path = path.to_owned();
        let work = async {
            let read = Tasks::new().blocking(move || CustomersFile::read(&path));
            Ok(read.await.context("read the customers file")??)
        };
        self.progress
            .before(self.stop, (self.what, &doing), work)
            .await
    }

    /// Looks for everything that the command relies on.
    pub(super) async fn preflight(self, settings: &Settings, reliance: Reliance) -> Result<()> {
        let doing = "running preflight checks";
        let work = Box::pin(app::preflight(settings, reliance));
        self.progress
            .before(self.stop, (self.what, doing), work)
            .await
    }
}

/// The instance that flag and customers file name, which may not contradict each other.
///
/// # Errors
/// [`UsageError`] if they do.
pub(super) fn instance_of(asked: Option<u32>, file: Option<&CustomersFile>) -> Result<u32> {
    let written = file.and_then(|file| Some((file.instance?, &file.path)));
    match (asked, written) {
        (Some(asked), Some((written, path))) if asked != written => Err(UsageError::new(
            format!(
                "--instance {asked} does not fit {}, which was written for instance {written}",
                path.display()
            ),
            format!("leave --instance out, or name the customers file of instance {asked}"),
        )
        .into()),
        (Some(asked), _) => Ok(asked),
        (None, Some((written, _))) => Ok(written),
        (None, None) => Ok(FIRST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{CommandError, Kind, StopLevel};

    #[tokio::test]
    async fn a_file_is_read_aside_so_that_a_signal_ends_the_reading() {
        let customers: Vec<String> = (0..100_000)
            .map(|number| format!("did:mailto:example.org:c{number}"))
            .collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), serde_json::to_string(&customers).unwrap()).unwrap();
        let (progress, stop) = (Progress::new(), Stop::new());
        let preparing = Preparing {
            what: "migrate uploads",
            progress: &progress,
            stop: &stop,
        };
        let read = preparing.customers_file(file.path()).await.unwrap();
        assert_eq!(read.customers.len(), 100_000);
        stop.request(StopLevel::Drain, "SIGINT");
        let stopped = preparing.customers_file(file.path()).await.unwrap_err();
        let stopped = stopped.downcast::<CommandError>().unwrap();
        assert_eq!(stopped.kind, Kind::Stopped);
        assert_eq!(stopped.what, "migrate uploads");
        assert_eq!(stopped.cause, "SIGINT, before the work started");
    }
}
