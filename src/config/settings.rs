//! Everything a command may need to know, checked.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::environment::Environment;
use super::fault::Faults;
use super::mask::masked;
use super::reader::Reader;
use super::sources::{Flags, Sources};
use super::{network, secrets, variables};
use crate::client::{self, Aws, Limits, Network, Secrets, Service};
use crate::runtime::Clock;
use crate::state;

/// Seconds that a lease may last. Shorter ones could not be renewed in time; with longer ones the
/// work of a dead instance would lie for hours.
const LEASE_TERMS: RangeInclusive<u64> = 2..=600;

/// The file for rows of migrations that keep them on this machine.
const ROWS: &str = "rows.sqlite";

/// Uploads in flight when neither flag nor environment says.
pub const CONCURRENCY: usize = 10;

/// How much a command needs to know; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The environment and the state folder.
    Nothing,
    /// The migration's tables. In the local environment they lie in a file of the state folder, unless a store is named.
    OwnState,
    /// The migration's tables.
    State,
    /// The network's services, tables, buckets and queues.
    Network,
    /// Keys and proofs.
    Secrets,
}

/// The settings of one command.
#[derive(Clone)]
pub struct Settings {
    /// Which network.
    pub environment: Environment,
    /// Folder of checkpoints, journals, customers files and the local network's data.
    pub state_dir: PathBuf,
    /// Migration tables and local state.
    pub state: state::Config,
    /// How AWS is reached.
    pub aws: Aws,
    /// Deadlines, tries and concurrency of calls.
    pub limits: Limits,
    /// `DRY_RUN`: a run only says what it would do.
    pub dry_run: bool,
    /// `MAX_CONCURRENCY`: items in flight when no flag says otherwise.
    pub concurrency: Option<usize>,
    /// `STERNA_LEASE_TERM`: how long a lease lasts that is not renewed, when it is not the usual
    /// time. The same for all instances: one with a shorter term takes others for dead. The pace of
    /// reports follows it.
    pub lease_term: Option<Duration>,
    network: Option<Box<Network>>,
    secrets: Option<Secrets>,
}

impl Settings {
    /// Who and where the services are.
    ///
    /// # Panics
    /// When the settings were read with less than [`Need::Network`].
    #[must_use]
    pub fn network(&self) -> &Network {
        self.network
            .as_deref()
            .expect("a command that uses the network asks for it")
    }

    /// What the clients must be told.
    ///
    /// # Panics
    /// When the settings were read with less than [`Need::Secrets`].
    #[must_use]
    pub fn client(&self) -> client::Config {
        let secrets = self.secrets.clone();
        client::Config {
            aws: self.aws.clone(),
            network: self.network().clone(),
            secrets: secrets.expect("a command that signs asks for keys"),
            limits: self.limits.clone(),
        }
    }

    /// Reads what a command needs from flags, environment and files.
    ///
    /// # Errors
    /// Every fault found.
    pub fn load(flags: &Flags, need: Need) -> Result<Self, Faults> {
        let now = Clock::system().unix_secs();
        Self::from_process(flags, need, now, process_environment())
    }

    /// The same over a given process environment.
    pub(super) fn from_process(
        flags: &Flags,
        need: Need,
        now: u64,
        process: BTreeMap<String, String>,
    ) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let sources = Sources::read(flags, process, &mut faults);
        let mut from = Reader::new(&sources, faults);
        let settings = read(&mut from, need, now);
        from.finish(settings)
    }

    /// The indexing service alone: `claims` asks nothing else.
    ///
    /// # Errors
    /// Every fault found.
    pub fn load_indexing_service(flags: &Flags) -> Result<Service, Faults> {
        let mut faults = Faults::default();
        let sources = Sources::read(flags, process_environment(), &mut faults);
        let mut from = Reader::new(&sources, faults);
        let service = network::indexing_service(&mut from);
        from.finish(service)
    }
}

fn read(from: &mut Reader<'_>, need: Need, now: u64) -> Option<Settings> {
    let is_local = from.sources.environment == Environment::Local;
    let backend = from.backend(if need == Need::OwnState && is_local {
        state::Backend::Sqlite(from.sources.state_dir.join(ROWS))
    } else {
        state::Backend::default()
    });
    // State in a file needs no AWS.
    let rows_are_aws = backend
        .as_ref()
        .is_none_or(|one| *one == state::Backend::DynamoDb);
    let aws = if need >= Need::Network || (need >= Need::OwnState && rows_are_aws) {
        network::aws(from)
    } else {
        Some(Aws::default())
    };
    let tables = network::state_tables(from);
    let wanted = need >= Need::Network;
    let network = wanted.then(|| network::network(from));
    let wanted = need >= Need::Secrets;
    let secrets = wanted.then(|| secrets::secrets(from, now));
    let dry_run = from.flag("DRY_RUN");
    let concurrency = from.number("MAX_CONCURRENCY");
    let lease_term = from.seconds("STERNA_LEASE_TERM", LEASE_TERMS);
    let state_dir = from.sources.state_dir.clone();
    let mut state = state::Config::new(tables?, &state_dir);
    state.backend = backend?;
    Some(Settings {
        environment: from.sources.environment,
        state_dir,
        state,
        aws: aws?,
        limits: Limits::default(),
        dry_run,
        concurrency,
        lease_term,
        network: match network {
            Some(found) => Some(Box::new(found?)),
            None => None,
        },
        secrets: match secrets {
            Some(found) => Some(found?),
            None => None,
        },
    })
}

/// Whether the environment asks for colour: `NO_COLOR` and `CLICOLOR_FORCE`; `None` leaves it to the terminal.
#[must_use]
pub fn color_wish() -> Option<bool> {
    let environment = process_environment();
    let no_color = environment.get("NO_COLOR");
    if no_color.is_some_and(|value| !value.is_empty()) {
        return Some(false);
    }
    let forced = environment.get("CLICOLOR_FORCE");
    forced.is_some_and(|value| value != "0").then_some(true)
}

/// Who runs this process, as the environment says: the user behind `sudo`, else the user.
#[must_use]
pub fn user() -> Option<String> {
    let environment = process_environment();
    let names = ["SUDO_USER", "USER", "LOGNAME"];
    let said = names.iter().filter_map(|name| environment.get(*name));
    said.into_iter().find(|name| !name.is_empty()).cloned()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
fn process_environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// A setting as `config show` prints it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Shown {
    /// The variable.
    pub name: &'static str,
    /// Its value; secrets are masked.
    pub value: Option<String>,
    /// Where it was found.
    pub origin: Option<String>,
}

/// Every variable with what counts for it and its origin, and what is wrong with them when a run would need all of them.
#[must_use]
pub fn show(flags: &Flags) -> (Vec<Shown>, Option<Faults>) {
    shown(flags, process_environment())
}

/// The same over a given process environment. Each file is read once: it may be a pipe.
fn shown(flags: &Flags, process: BTreeMap<String, String>) -> (Vec<Shown>, Option<Faults>) {
    let mut faults = Faults::default();
    let sources = Sources::read(flags, process, &mut faults);
    let all = variables::all().iter().map(|variable| {
        let value = sources.counts(variable);
        let origin = value.as_ref().map(|value| value.origin.to_string());
        let text = value.map(|value| value.text);
        let mask = |text: String| format!("set, {} characters", text.len());
        Shown {
            name: variable.name,
            value: if variable.secret {
                text.map(mask)
            } else {
                text.map(|text| masked(&text).into_owned())
            },
            origin,
        }
    });
    let mut from = Reader::new(&sources, faults);
    let settings = read(&mut from, Need::Secrets, Clock::system().unix_secs());
    (all.collect(), from.finish(settings).err())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Pace;

    /// What `config show` says of a variable with nothing in the environment but `set`.
    fn origin(flags: &Flags, set: &[(&str, &str)], name: &str) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        let flags = Flags {
            folder: folder.path().into(),
            ..flags.clone()
        };
        let process = set
            .iter()
            .map(|(name, text)| ((*name).into(), (*text).into()));
        let (shown, _) = shown(&flags, process.collect());
        let mut shown = shown.into_iter();
        let shown = shown.find(|shown| shown.name == name).unwrap();
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        (or_none(shown.value), or_none(shown.origin))
    }

    #[test]
    fn defaults_are_shown_as_what_is_used() {
        let none = Flags::default();
        let shown = |name| {
            let (value, origin) = origin(&none, &[], name);
            assert_eq!(origin, "default", "{name}");
            value
        };
        assert_eq!(shown("STORACHA_ENV"), "local");
        assert_eq!(shown("STERNA_STATE_DIR"), "migration-state");
        assert_eq!(shown("DRY_RUN"), "false");
        assert_eq!(shown("MAX_CONCURRENCY"), CONCURRENCY.to_string());
        let term = Pace::default().lease_term.as_secs().to_string();
        assert_eq!(shown("STERNA_LEASE_TERM"), term);
        let own = |name: &str, value: &str| origin(&none, &[(name, value)], name).1;
        assert_eq!(own("MAX_CONCURRENCY", "3"), "environment");
        assert_eq!(own("DRY_RUN", "true"), "environment");
    }

    #[test]
    fn the_environment_and_the_state_folder_say_who_named_them() {
        let flags = Flags {
            environment: Some(Environment::Staging),
            state_dir: Some("s".into()),
            ..Flags::default()
        };
        let set = [("STORACHA_ENV", "prod"), ("STERNA_STATE_DIR", "t")];
        let told = |flags: &Flags, name| origin(flags, &set, name);
        let pair = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
        assert_eq!(told(&flags, "STORACHA_ENV"), pair("staging", "--env"));
        assert_eq!(told(&flags, "STERNA_STATE_DIR"), pair("s", "--state-dir"));
        let none = Flags::default();
        assert_eq!(told(&none, "STORACHA_ENV"), pair("prod", "environment"));
        assert_eq!(told(&none, "STERNA_STATE_DIR"), pair("t", "environment"));
    }

    #[test]
    fn a_variable_that_stands_in_for_another_is_named() {
        let set = [
            ("AWS_ENDPOINT_URL", "http://a"),
            ("AWS_ENDPOINT_URL_S3", "http://b"),
        ];
        let told = |name| origin(&Flags::default(), &set, name);
        let pair = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
        assert_eq!(told("AWS_ENDPOINT_URL_S3"), pair("http://b", "environment"));
        let sqs = pair("http://a", "AWS_ENDPOINT_URL (environment)");
        assert_eq!(told("AWS_ENDPOINT_URL_SQS"), sqs);
        assert_eq!(told("R2_ENDPOINT"), pair("-", "-"));
    }
}
