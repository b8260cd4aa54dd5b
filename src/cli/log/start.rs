//! Log lines: fields, not sentences, to standard error or a file; repeated warnings are folded.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::dedup::{DedupLayer, DedupReporter};
use crate::cli::terminal::LogLines;
use crate::config::{Fault, Faults};
use crate::monitor::{printable, printable_json};

/// Where lines of this program come from.
const OURS: &str = "sterna";
/// The finest level of all others.
const MOST_OF_LIBRARIES: LevelFilter = LevelFilter::INFO;

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The flags of logging.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct Log {
    /// Write log lines in this format
    #[arg(
        id = "log_format",
        long = "log-format",
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Global options"
    )]
    format: Format,
    /// Log at this level: off, error, warn, info, debug or trace, also per part: `info,sterna::client=debug`
    #[arg(id = "log_level", long = "log-level", global = true, value_name = "LEVEL", value_parser = parse_level, help_heading = "Global options")]
    level: Option<Targets>,
    /// Append log lines to this file instead of standard error
    #[arg(
        id = "log_file",
        long = "log-file",
        global = true,
        value_name = "FILE",
        help_heading = "Global options"
    )]
    file: Option<PathBuf>,
}

/// A level for Sterna itself, with its libraries never below warnings; or levels per part.
fn parse_level(text: &str) -> Result<Targets, String> {
    let wrong = || "write off, error, warn, info, debug or trace, or part=level,…".to_owned();
    if let Ok(level) = text.parse::<LevelFilter>() {
        return Ok(at_level(level));
    }
    // A lone word would be taken for a part at the finest level.
    let parts = text.split(',');
    if !parts
        .into_iter()
        .all(|part| part.contains('=') || part.parse::<LevelFilter>().is_ok())
    {
        return Err(wrong());
    }
    let asked = text.parse::<Targets>().map_err(|_| wrong())?;
    of_parts(&asked)
}

/// Levels per part. Those of libraries end at `info`: below it some write whole requests with what is in them, sealed
/// keys and proofs too.
fn of_parts(asked: &Targets) -> Result<Targets, String> {
    let mut levels = Targets::new();
    if let Some(level) = asked.default_level() {
        levels = at_level(level);
    }
    for (part, level) in asked {
        let is_ours = part == OURS || part.starts_with("sterna::");
        if !is_ours && level > MOST_OF_LIBRARIES {
            return Err(format!(
                "{part} is not a part of Sterna: libraries write no more than info, since below it they write requests \
                 whole, with the secrets in them"
            ));
        }
        levels = levels.with_target(part, level);
    }
    Ok(levels)
}

fn at_level(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(OURS, level)
}

impl Log {
    /// Starts logging; a second start in one process is ignored. Lines that were folded are told of
    /// when the returned value is dropped, too.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(in crate::cli) fn start(&self, color: bool) -> Result<DedupReporter, Faults> {
        let usual = if self.file.is_some() {
            LevelFilter::INFO
        } else {
            LevelFilter::WARN
        };
        let levels = self.level.clone().unwrap_or_else(|| at_level(usual));
        let (writer, color) = if let Some(path) = &self.file {
            let file = LogFile {
                file: Arc::new(open(path)?),
                json: self.format == Format::Json,
            };
            (BoxMakeWriter::new(move || file.clone()), false)
        } else {
            let json = self.format == Format::Json;
            (BoxMakeWriter::new(move || LogLines { json }), color)
        };
        let lines = tracing_subscriber::fmt::layer().with_writer(writer);
        let fold = DedupLayer::new(levels);
        let reporter = fold.reporter();
        let lines = match self.format {
            Format::Text => {
                let lines = lines.fmt_fields(debug_fn(write_field).delimited(" "));
                lines.with_ansi(color).with_filter(fold).boxed()
            }
            Format::Json => lines.json().flatten_event(true).with_filter(fold).boxed(),
        };
        let _ = tracing_subscriber::registry().with(lines).try_init();
        Ok(reporter)
    }
}

/// `name=value`, the message without its name; what others wrote is on one line and moves no cursor.
fn write_field(line: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let value = format!("{value:?}");
    let value = printable(&value);
    match field.name() {
        "message" => line.write_str(&value),
        name => write!(line, "{name}={value}"),
    }
}

/// A file of log lines, of which a pager shows what a terminal would.
#[derive(Clone)]
struct LogFile {
    file: Arc<File>,
    json: bool,
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = &*self.file;
        if self.json {
            let text = String::from_utf8_lossy(bytes);
            file.write_all(printable_json(&text).as_bytes())?;
        } else {
            file.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.file).flush()
    }
}

/// Opens a log file; a new one is for its owner only: log lines name customers.
fn open(path: &Path) -> Result<File, Faults> {
    let mut options = OpenOptions::new();
    let opened = options.create(true).append(true).mode(0o600).open(path);
    opened.map_err(|error| {
        Faults::from(Fault {
            name: "--log-file".into(),
            origin: Some(path.display().to_string()),
            problem: format!("cannot be opened: {error}"),
            remedy: "name a file in a folder that exists and can be written".into(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_words_or_parts_and_nothing_else() {
        for good in [
            "off",
            "INFO",
            "debug",
            "info,sterna::client=trace",
            "warn,hyper=info",
        ] {
            assert!(parse_level(good).is_ok(), "{good}");
        }
        for bad in [
            "loud",
            "sterna=loud",
            "hyper=debug",
            "info,aws_smithy_runtime=trace",
            "sternal=debug",
        ] {
            assert!(parse_level(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_others_wrote_stays_on_its_line_and_moves_no_cursor() {
        let written = tempfile::NamedTempFile::new().unwrap();
        let file = written.reopen().unwrap();
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(Arc::new(file))
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .with_ansi(false);
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(subscriber, || {
            let error = "gone\x1b[2J\r\nWARN all is well";
            tracing::warn!(%error, name = "\u{9b}H", "told {}", "\x07");
        });
        let line = std::fs::read_to_string(written.path()).unwrap();
        let told = "told \\u{7} error=gone\\u{1b}[2J\\r\\nWARN all is well name=\"\\u{9b}H\"\n";
        assert!(line.ends_with(told), "{line:?}");
    }

    #[test]
    fn libraries_stay_at_warnings() {
        let levels = parse_level("debug").unwrap();
        assert!(levels.would_enable("sterna::engine", &tracing::Level::DEBUG));
        assert!(!levels.would_enable("hyper", &tracing::Level::INFO));
        for text in [
            "trace",
            "trace,sterna::client=info",
            "aws_config=info,sterna=trace",
        ] {
            let levels = parse_level(text).unwrap();
            for library in ["hyper", "aws_smithy_runtime::client", "aws_config"] {
                assert!(
                    !levels.would_enable(library, &tracing::Level::DEBUG),
                    "{text}: {library}"
                );
            }
            assert!(
                levels.would_enable("sterna::engine", &tracing::Level::TRACE),
                "{text}"
            );
        }
    }
}
