//! The walk "By hand" of the README, command by command: each ends as its reader is told, and nothing is left behind.

use crate::run::{Place, Running};

/// The words of a command line: quotes hold words together, `#` begins a comment.
fn words(line: &str) -> Vec<String> {
    let code = line.split(" #").next().unwrap_or_default();
    let quoted = code.split('\'').enumerate();
    let parts = quoted.flat_map(|(at, part)| {
        if at % 2 == 1 {
            vec![part.to_owned()]
        } else {
            part.split_whitespace().map(str::to_owned).collect()
        }
    });
    parts.collect()
}

/// The commands under a heading, without what runs the binary.
fn walk(heading: &str) -> Vec<Vec<String>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let part = text.split(heading).nth(1).unwrap();
    let block = part.split("```").nth(1).unwrap();
    let lines = block.lines().skip(1).map(words);
    let commands: Vec<Vec<String>> = lines
        .map(|words| {
            let (run, args) = words.split_at(3);
            assert_eq!(run, ["cargo", "run", "--"]);
            args.to_vec()
        })
        .collect();
    assert!(commands.len() > 8);
    commands
}

/// How a command ends in a world of which some uploads are damaged.
fn code(args: &[String]) -> i32 {
    match args[0].as_str() {
        "migrate" | "retry" => 3,
        "verify" => 4,
        _ => 0,
    }
}

#[test]
fn every_command_of_the_walk_works_and_nothing_is_left_behind() {
    let place = Place::new();
    let mut beside: Vec<Running> = Vec::new();
    for mut args in walk("## By hand") {
        if args.last().is_some_and(|last| last == "&") {
            args.pop();
            let mut run = place.start(&args);
            run.says("the local network is running");
            beside.push(run);
            continue;
        }
        let ran = place.sterna(&args);
        assert_eq!(ran.code, code(&args), "{args:?}: {}", ran.stderr);
        // What did or would do something says last what to type.
        let shows = args[0] == "monitor" || args.iter().any(|word| word == "stop");
        if !shows {
            let text = ran.text();
            let last = text.lines().next_back().unwrap_or_default();
            assert!(last.starts_with("next: sterna "), "{args:?}: {text}");
        }
    }
    assert_eq!(beside.len(), 1);
    for run in beside {
        // It was stopped by the walk itself: nobody sends it a signal here.
        run.end().ends(0);
    }
}
