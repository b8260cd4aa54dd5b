//! The flags that say what a run is about, shared by `migrate` and `verify`, in part by `retry` and `explain`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use super::failure::Misuse;
use super::output::talk;
use super::values::{self, Limit};
use crate::config::options::Scope;
use crate::config::{self, CustomersFile, Faults, Root};
use crate::model::{CustomerDid, SpaceDid};

/// Uploads taken when nothing narrows a run.
const SAMPLE: u64 = 10;

/// The instance when neither flag nor file names one.
const FIRST: u32 = 1;

/// What commands say of a customer that narrows them.
pub(super) const CUSTOMER_HELP: &str =
    "Only this customer, a DID or an e-mail address (may be given more than once)";
/// What commands say of a single root.
pub(super) const CID_HELP: &str = "Only the upload with this root, in every space that has it; Qm… and bafy… of one content are one root";
/// What commands say of a list of roots.
pub(super) const ROOTS_HELP: &str = "Only the uploads with these roots: a file with one CID per line (`#` begins a \
    comment) or a JSON list; `-` reads standard input. Roots that are unknown are named at the end (3)";

/// What to work on.
#[derive(Debug, Clone, Args)]
pub(super) struct ScopeArgs {
    /// Customers of this instance, as `setup` wrote them (a list, or an object with `customers`); `-` reads standard
    /// input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["customer", "space", "cid"])]
    customers_file: Option<PathBuf>,
    #[arg(long, value_name = "CUSTOMER", value_parser = values::customer, help = CUSTOMER_HELP)]
    customer: Vec<CustomerDid>,
    /// Only this space (may be given more than once)
    #[arg(long, value_name = "DID", value_parser = values::space)]
    space: Vec<SpaceDid>,
    #[arg(long, value_name = "CID", value_parser = values::root, group = "roots", help = CID_HELP)]
    cid: Option<Root>,
    #[arg(long, value_name = "FILE", group = "roots", help = ROOTS_HELP)]
    roots_file: Option<PathBuf>,
    /// At most this many uploads, or `all` [default: 10 when nothing narrows the run, else all]
    #[arg(long, value_name = "N", value_parser = values::limit, conflicts_with = "roots")]
    limit: Option<Limit>,
    /// Number of this instance; names its checkpoint [default: that of the customers file, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    instance: Option<u32>,
}

impl ScopeArgs {
    /// Reads the customers file and settles limit and instance. Without a limit, what nothing narrows is a sample.
    pub(super) fn read(&self) -> Result<(Scope, u32)> {
        self.read_up_to(Some(SAMPLE))
    }

    /// The same; without a limit, everything is meant.
    pub(super) fn read_whole(&self) -> Result<(Scope, u32)> {
        self.read_up_to(None)
    }

    fn read_up_to(&self, sample: Option<u64>) -> Result<(Scope, u32)> {
        let stdin = |file: &Option<PathBuf>| file.as_deref().is_some_and(config::is_stdin);
        if stdin(&self.customers_file) && stdin(&self.roots_file) {
            return Err(Misuse::new(
                "--customers-file and --roots-file cannot both be standard input",
                "write one of the lists to a file",
            )
            .into());
        }
        let file = self.customers_file.as_deref().map(CustomersFile::read);
        let customers = file.transpose()?;
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

/// The instance that flag and customers file name, which may not contradict each other.
///
/// # Errors
/// [`Misuse`] if they do.
pub(super) fn instance_of(asked: Option<u32>, file: Option<&CustomersFile>) -> Result<u32> {
    let written = file.and_then(|file| Some((file.instance?, &file.path)));
    match (asked, written) {
        (Some(asked), Some((written, path))) if asked != written => Err(Misuse::new(
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
