//! The help page of every command.

use clap::Command;

use super::Stored;
use crate::cli::args;

const HELP: Stored = Stored::of("help");
/// Columns of the pages.
const WIDTH: usize = 100;

/// Each page with its name: `sterna`, `ctl`, `ctl-pause`.
fn pages(command: &mut Command, name: &str, pages: &mut Vec<(String, String)>) {
    let text = command.render_long_help().to_string();
    let text = match name {
        "sterna" => text,
        _ => own(&text),
    };
    pages.push((name.to_owned(), text));
    for one in command.get_subcommands_mut() {
        let path = match name {
            "sterna" => one.get_name().to_owned(),
            name => format!("{name}-{}", one.get_name()),
        };
        if one.get_name() != "help" {
            self::pages(one, &path, pages);
        }
    }
}

/// A page without what all pages have: global options and exit codes.
fn own(page: &str) -> String {
    let (page, _) = page.split_once("Exit codes:").unwrap_or((page, ""));
    let (before, after) = page.split_once("Global options:").unwrap_or((page, ""));
    // `--color` is the last of them.
    let (_, after) = after.split_once("auto, always, never]").unwrap_or_default();
    format!("{}\n\n{}", before.trim_end(), after.trim())
}

#[test]
fn every_help_page_reads_as_it_was_reviewed() {
    let mut command = args::command().term_width(WIDTH);
    command.build();
    let mut all = Vec::new();
    pages(&mut command, "sterna", &mut all);
    assert!(all.len() > 20, "{}", all.len());
    // Without the sandbox the list of commands is shorter.
    for (name, text) in &all {
        if cfg!(feature = "sandbox") || name != "sterna" {
            HELP.holds(name, text);
        }
    }
    if cfg!(feature = "sandbox") {
        let names: Vec<String> = all.into_iter().map(|(name, _)| name).collect();
        HELP.holds_only(&names);
    }
}
