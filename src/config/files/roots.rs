//! Roots of uploads: one content under all of its names, and lists of them.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use cid::{Cid, Version};

use super::input;
use crate::config::fault::{Fault, Faults};

/// The largest list that is read, in bytes: a million roots.
const MAX_BYTES: u64 = 64 << 20;

/// Wrong entries that are named one by one.
const NAMED_FAULTS: usize = 20;

/// Content of which a `CIDv0` exists: DAG-PB…
const DAG_PB: u64 = 0x70;
/// …with a SHA-256 hash…
const SHA2_256: u64 = 0x12;
/// …of its whole length.
const SHA2_256_BYTES: u8 = 32;

/// The root of an upload, in whichever of its names: `Qm…` and `bafy…` of one content are one root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    typed: String,
    /// How rows may spell it; the first is the `CIDv1`.
    spellings: Vec<String>,
}

impl Root {
    /// Every text by which a row may name it.
    #[must_use]
    pub fn spellings(&self) -> &[String] {
        &self.spellings
    }

    /// The one name that all of its names share: its `CIDv1`.
    #[must_use]
    pub fn v1(&self) -> &str {
        &self.spellings[0]
    }
}

impl FromStr for Root {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let cid: Cid = text
            .parse()
            .map_err(|error| format!("not a CID: {error}"))?;
        let hash = *cid.hash();
        let mut spellings = vec![Cid::new_v1(cid.codec(), hash).to_string()];
        let has_v0 = (cid.codec(), hash.code(), hash.size()) == (DAG_PB, SHA2_256, SHA2_256_BYTES);
        if cid.version() == Version::V0 || has_v0 {
            spellings.extend(Cid::new_v0(hash).map(|v0| v0.to_string()).ok());
        }
        // Another base, as some client may have written it. A path in front is no part of a name.
        if !text.contains('/') && !spellings.iter().any(|one| one == text) {
            spellings.push(text.to_owned());
        }
        Ok(Self {
            typed: text.to_owned(),
            spellings,
        })
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

/// Reads a list of roots, each content once: one per line, where `#` begins a comment, or a JSON array. `-` is standard
/// input.
///
/// # Errors
/// Every entry that is no root, or that there is none.
pub fn read_roots(path: &Path) -> Result<Vec<Root>, Faults> {
    let fault = |problem: String| Fault {
        name: "--roots-file".into(),
        origin: Some(input::name(path).display().to_string()),
        problem,
        remedy: "write one root CID per line, or a JSON list of them".into(),
    };
    let text = input::read_text(path, MAX_BYTES).map_err(fault)?;
    let (roots, mut wrong) = parse(&text).map_err(fault)?;
    let more = wrong.len().saturating_sub(NAMED_FAULTS);
    wrong.truncate(NAMED_FAULTS);
    if more > 0 {
        wrong.push(format!("has {more} more wrong entries"));
    }
    if wrong.is_empty() && roots.is_empty() {
        wrong.push("names no root".into());
    }
    let mut faults = Faults::default();
    for problem in wrong {
        faults.push(fault(problem));
    }
    faults.or(Some(roots))
}

/// The roots of a list, and what is wrong with it.
fn parse(text: &str) -> Result<(Vec<Root>, Vec<String>), String> {
    let entries: Vec<(String, String)> = if text.trim_start().starts_with('[') {
        let list: Vec<String> =
            serde_json::from_str(text).map_err(|error| format!("is not a JSON list: {error}"))?;
        let places = (0..).map(|index: usize| format!("entry {index}"));
        places.zip(list).collect()
    } else {
        let lines = text.lines().enumerate().map(|(index, line)| {
            let entry = line.split('#').next().unwrap_or_default().trim();
            (format!("line {}", index + 1), entry.to_owned())
        });
        lines.filter(|(_, entry)| !entry.is_empty()).collect()
    };
    let (mut roots, mut wrong) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for (place, entry) in entries {
        match entry.parse::<Root>() {
            Ok(root) if seen.insert(root.v1().to_owned()) => roots.push(root),
            Ok(_) => {}
            Err(problem) => wrong.push(format!("{place} is {problem}: {entry}")),
        }
    }
    Ok((roots, wrong))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V0: &str = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG";
    const V1: &str = "bafybeie5nqv6kd3qnfjupgvz34woh3oksc3iau6abmyajn7qvtf6d2ho34";
    const RAW: &str = "bafkreigxvqjwduxgfekyol7ox6uegnv4nri7xc7twppmvisnqgetzcm7ue";

    fn root(text: &str) -> Root {
        text.parse().unwrap()
    }

    #[test]
    fn both_versions_of_one_content_are_one_root() {
        assert_eq!(root(V0).spellings(), [V1, V0]);
        assert_eq!(root(V1).spellings(), [V1, V0]);
        assert_eq!(root(V0).to_string(), V0, "it is named as it was typed");
        assert_eq!(root(&format!("/ipfs/{V1}")).spellings(), [V1, V0]);
    }

    #[test]
    fn only_hashed_dag_pb_has_a_version_0_and_other_bases_are_kept() {
        assert_eq!(root(RAW).spellings(), [RAW]);
        let cid: Cid = RAW.parse().unwrap();
        let base58 = cid.to_string_of_base(multibase::Base::Base58Btc).unwrap();
        assert_eq!(root(&base58).spellings(), [RAW, base58.as_str()]);
        for wrong in ["", "bafy", "Qm", "did:key:z6Mk"] {
            assert!(wrong.parse::<Root>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_list_is_lines_or_json_and_names_each_content_once() {
        let (lines, wrong) =
            parse(&format!("# roots\r\n{V0}\r\n\r\n {V1} # again\r\n{RAW}")).unwrap();
        assert_eq!(
            (lines.as_slice(), wrong.len()),
            (&[root(V0), root(RAW)][..], 0)
        );
        let json = serde_json::json!([V0, V1, RAW]).to_string();
        assert_eq!(parse(&json).unwrap().0, lines);
        assert!(parse("[1]").is_err());
    }

    #[test]
    fn every_entry_that_is_no_root_is_named_and_an_empty_list_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("roots");
        let problems = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let faults = read_roots(&path).unwrap_err();
            let problems = faults.list().iter().map(|fault| fault.problem.clone());
            problems.collect::<Vec<_>>()
        };
        let found = problems(&format!("{RAW}\nnone\n\nbafy\n"));
        assert!(found[0].starts_with("line 2 is not a CID"), "{found:?}");
        assert!(found[1].starts_with("line 4 is not a CID"), "{found:?}");
        assert_eq!(problems("# nothing\n"), ["names no root"]);
        let heap = problems(&"x\n".repeat(50));
        assert_eq!(heap.len(), NAMED_FAULTS + 1);
        assert_eq!(heap[NAMED_FAULTS], "has 30 more wrong entries");
    }
}
