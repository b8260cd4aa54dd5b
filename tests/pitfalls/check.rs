//! Whether the list is whole and every test that it names exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// One pitfall.
pub(crate) struct Pitfall {
    pub(crate) number: u32,
    pub(crate) what: &'static str,
    pub(crate) held: Held,
}

/// What keeps us out of it.
pub(crate) enum Held {
    /// Tests, as `file: name`.
    By(&'static [&'static str]),
    /// Nothing needs to: why it cannot happen here.
    NotOurs(&'static str),
}

pub(crate) const fn by(number: u32, what: &'static str, tests: &'static [&'static str]) -> Pitfall {
    Pitfall {
        number,
        what,
        held: Held::By(tests),
    }
}

pub(crate) const fn not_ours(number: u32, what: &'static str, why: &'static str) -> Pitfall {
    Pitfall {
        number,
        what,
        held: Held::NotOurs(why),
    }
}

/// What is wrong with the list.
pub(crate) fn faults(list: &[&Pitfall], known: u32) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = BTreeMap::<u32, u32>::new();
    for pitfall in list {
        *seen.entry(pitfall.number).or_default() += 1;
        match &pitfall.held {
            Held::By([]) => faults.push(format!("{}: no test is named", pitfall.number)),
            Held::By(tests) => faults.extend(
                tests
                    .iter()
                    .filter_map(|test| fault_of(test))
                    .map(|fault| format!("{}: {fault}", pitfall.number)),
            ),
            Held::NotOurs("") => {
                faults.push(format!("{}: no reason is given", pitfall.number));
            }
            Held::NotOurs(_) => {}
        }
    }
    let missing = (1..=known).filter(|number| !seen.contains_key(number));
    faults.extend(missing.map(|number| format!("{number}: is not in the list")));
    let odd = seen
        .iter()
        .filter(|(number, times)| **times > 1 || !(1..=known).contains(*number));
    faults.extend(
        odd.map(|(number, times)| format!("{number}: stands {times} times in a list of {known}")),
    );
    faults
}

/// Why `file: name` names no test.
fn fault_of(test: &str) -> Option<String> {
    let Some((file, name)) = test.split_once(": ") else {
        return Some(format!("{test:?} is not `file: name`"));
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let Ok(source) = fs::read_to_string(&path) else {
        return Some(format!("there is no {file}"));
    };
    let found = if path.extension().is_some_and(|end| end == "mjs") {
        source.contains(&format!("\ntest('{name}'"))
    } else {
        is_rust_test(&source, name)
    };
    (!found).then(|| format!("{file} has no test {name}"))
}

/// Whether `fn name(` stands under a test attribute, or in a `proptest!` block, and is not ignored.
fn is_rust_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let starts = [format!("fn {name}("), format!("async fn {name}(")];
    lines.iter().enumerate().any(|(at, line)| {
        let named = starts.iter().any(|start| line.starts_with(start.as_str()));
        let attributes = || {
            lines[..at]
                .iter()
                .rev()
                .take_while(|line| !line.ends_with('}') && !line.is_empty())
        };
        named
            && attributes()
                .any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
            && !attributes().any(|line| line.starts_with("#[ignore"))
    })
}
