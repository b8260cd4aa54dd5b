//! Log lines: fields, not sentences, to standard error or a file; repeated warnings are folded.

mod fold;

use std::fmt;
use std::fs::{File, OpenOptions};
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

use super::terminal::LogLines;
use crate::config::{Fault, Faults};
use crate::monitor::printable;
use fold::{Fold, Teller};

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The flags of logging.
#[derive(Debug, Clone, Args)]
pub(super) struct Log {
    /// How log lines are written
    #[arg(
        id = "log_format",
        long = "log-format",
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Global options"
    )]
    format: Format,
    /// off, error, warn, info, debug or trace, also per part: `info,sterna::client=debug`
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
    text.parse::<Targets>().map_err(|_| wrong())
}

fn at_level(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("sterna", level)
}

impl Log {
    /// Starts logging; a second start in one process is ignored. Lines that were folded are told of
    /// when the returned value is dropped, too.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(super) fn start(&self, color: bool) -> Result<Teller, Faults> {
        let usual = if self.file.is_some() {
            LevelFilter::INFO
        } else {
            LevelFilter::WARN
        };
        let levels = self.level.clone().unwrap_or_else(|| at_level(usual));
        let (writer, color) = if let Some(path) = &self.file {
            (BoxMakeWriter::new(Arc::new(open(path)?)), false)
        } else {
            let json = self.format == Format::Json;
            (BoxMakeWriter::new(move || LogLines { json }), color)
        };
        let lines = tracing_subscriber::fmt::layer().with_writer(writer);
        let fold = Fold::new(levels);
        let teller = fold.teller();
        let lines = match self.format {
            Format::Text => {
                let lines = lines.fmt_fields(debug_fn(write_field).delimited(" "));
                lines.with_ansi(color).with_filter(fold).boxed()
            }
            Format::Json => lines.json().flatten_event(true).with_filter(fold).boxed(),
        };
        let _ = tracing_subscriber::registry().with(lines).try_init();
        Ok(teller)
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

fn open(path: &Path) -> Result<File, Faults> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
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
            "warn,hyper=debug",
        ] {
            assert!(parse_level(good).is_ok(), "{good}");
        }
        for bad in ["loud", "sterna=loud"] {
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
    }
}
