//! Errors in three parts on standard error: what failed, the likely cause, the next command.

use crate::app::Trouble;
use crate::config::Faults;
use std::fmt::Write as _;

/// Flags that contradict each other, or lack something, in a way that clap cannot see.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub(super) struct Misuse {
    what: String,
    next: String,
}

impl Misuse {
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
    for cause in error.chain() {
        if let Some(trouble) = cause.downcast_ref::<Trouble>() {
            let what = chain_until(error, &trouble.what);
            return three(&what, &trouble.cause, &trouble.next);
        }
        if let Some(faults) = cause.downcast_ref::<Faults>() {
            let what = chain_until(error, "wrong settings or input");
            return format!(
                "error: {what}\n{faults}\n  next:  mend them, look with `sterna config show --origin`, \
                 and run `{command}` again"
            );
        }
        if let Some(misuse) = cause.downcast_ref::<Misuse>() {
            return format!("error: {}\n  next:  {}", misuse.what, misuse.next);
        }
    }
    let mut causes = error.chain().skip(1).map(ToString::to_string);
    let cause = causes.next_back().unwrap_or_else(|| "not foreseen".into());
    let mut what = vec![error.to_string()];
    what.extend(causes);
    let next = format!("run `{command} --log-level debug` and read the last lines");
    three(&what.join(": "), &cause, &next)
}

fn three(what: &str, cause: &str, next: &str) -> String {
    let mut text = format!("error: {what}");
    if !cause.is_empty() {
        let _ = write!(text, "\n  cause: {cause}");
    }
    if !next.is_empty() {
        let _ = write!(text, "\n  next:  {next}");
    }
    text
}

/// The contexts above the part that is told in its own way, and that part.
fn chain_until(error: &anyhow::Error, last: &str) -> String {
    let is_told = |cause: &&(dyn std::error::Error + 'static)| {
        !cause.is::<Trouble>() && !cause.is::<Faults>()
    };
    let mut parts: Vec<String> = error
        .chain()
        .take_while(is_told)
        .map(ToString::to_string)
        .collect();
    parts.push(last.to_owned());
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;
    use crate::app::Kind;

    #[test]
    fn trouble_is_told_in_three_parts_with_its_context() {
        let trouble = Trouble::new(Kind::Preflight, "no table x", "never made", "sterna init");
        let error = Err::<(), _>(trouble).context("read progress").unwrap_err();
        assert_eq!(
            describe(&error, "sterna migrate"),
            "error: read progress: no table x\n  cause: never made\n  next:  sterna init"
        );
    }

    #[test]
    fn any_other_error_names_its_root_as_the_cause() {
        let error = anyhow::anyhow!("disk full")
            .context("write it")
            .context("save");
        let text = describe(&error, "sterna migrate");
        assert!(text.starts_with("error: save: write it\n  cause: disk full\n  next:  run "));
    }
}
