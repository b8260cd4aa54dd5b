//! Damage of every kind, and what is read back.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;

use super::sealed::Generation;
use super::*;

type Body = BTreeMap<String, u64>;

fn body(number: u64) -> Body {
    Body::from([
        ("cursor".to_owned(), number),
        ("left \"{}\n".to_owned(), number * 7),
    ])
}

fn sealed(folder: &tempfile::TempDir) -> Sealed {
    Sealed::new(
        folder.path().join("instance-1-checkpoint.json"),
        "test.sealed",
        1,
    )
}

#[test]
fn a_sealed_file_is_one_json_document() {
    let folder = tempfile::tempdir().unwrap();
    let file = sealed(&folder);
    assert!(file.read::<Body>().unwrap().is_none());
    file.write(&body(1)).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap();
    assert_eq!(value["schema"], "test.sealed");
    assert_eq!(value["body"]["cursor"], 1);
    assert_eq!(
        file.read::<Body>().unwrap(),
        Some((body(1), Generation::Current))
    );
}

#[test]
fn a_file_truncated_or_flipped_at_any_byte_is_refused_and_the_one_before_it_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = sealed(&folder);
    file.write(&body(1)).unwrap();
    file.write(&body(2)).unwrap();
    let whole = fs::read(file.path()).unwrap();
    for at in 0..whole.len() {
        fs::write(file.path(), &whole[..at]).unwrap();
        assert_eq!(
            file.read::<Body>().unwrap(),
            Some((body(1), Generation::Previous)),
            "cut at {at}"
        );
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            fs::write(file.path(), &bytes).unwrap();
            assert_eq!(
                file.read::<Body>().unwrap(),
                Some((body(1), Generation::Previous)),
                "bit {bit} of byte {at}"
            );
        }
    }
    fs::write(file.path(), &whole).unwrap();
    assert_eq!(
        file.read::<Body>().unwrap(),
        Some((body(2), Generation::Current))
    );
}

#[test]
fn a_damaged_file_is_never_kept_as_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = sealed(&folder);
    file.write(&body(1)).unwrap();
    file.write(&body(2)).unwrap();
    fs::write(file.path(), "half").unwrap();
    file.write(&body(3)).unwrap();
    fs::remove_file(file.path()).unwrap();
    assert_eq!(
        file.read::<Body>().unwrap(),
        Some((body(1), Generation::Previous))
    );
}

#[test]
fn damage_of_both_is_an_error_and_another_version_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = sealed(&folder);
    file.write(&body(1)).unwrap();
    let other = Sealed::new(file.path(), "test.sealed", 2);
    let refused = other.read::<Body>().unwrap_err();
    assert!(
        matches!(&refused, Unreadable::Other { found, .. } if found == "test.sealed version 1"),
        "{refused}"
    );
    fs::write(file.path(), "half").unwrap();
    assert!(matches!(
        file.read::<Body>(),
        Err(Unreadable::Damaged { .. })
    ));
    fs::write(file.previous(), "half").unwrap();
    assert!(matches!(
        file.read::<Body>(),
        Err(Unreadable::Damaged { .. })
    ));
}

proptest! {
    #[test]
    fn any_change_of_the_bytes_is_noticed(content in ".{0,40}", at in any::<prop::sample::Index>(), byte: u8, insert: bool) {
        let folder = tempfile::tempdir().unwrap();
        let file = sealed(&folder);
        file.write(&content).unwrap();
        let whole = fs::read(file.path()).unwrap();
        let mut bytes = whole.clone();
        let at = at.index(bytes.len());
        if insert { bytes.insert(at, byte) } else { bytes[at] = byte }
        fs::write(file.path(), &bytes).unwrap();
        match file.read::<String>() {
            Ok(Some((read, _))) => prop_assert!(read == content && bytes == whole),
            Ok(None) => prop_assert!(false, "a file that is there was not seen"),
            Err(error) => prop_assert!(bytes != whole, "{error}"),
        }
    }

    #[test]
    fn a_journal_cut_anywhere_keeps_its_whole_lines(cut in any::<prop::sample::Index>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("instance-1-journal.ndjson");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let journal = Journal::at(&path, Rotation::default()).unwrap();
        runtime.block_on(journal.append_all(&[10, 20, 30])).unwrap();
        drop(journal);
        let whole = fs::read(&path).unwrap();
        let cut = cut.index(whole.len() + 1);
        fs::write(&path, &whole[..cut]).unwrap();
        let kept = cut / 3;
        prop_assert_eq!(read_journal::<u32>(&path).unwrap(), [10, 20, 30][..kept].to_vec());
        let journal = Journal::at(&path, Rotation::default()).unwrap();
        runtime.block_on(journal.append(&40)).unwrap();
        prop_assert_eq!(read_journal::<u32>(&path).unwrap().len(), kept + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_many_tasks_all_arrive_and_rotation_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("instance-1-journal.ndjson");
    let journal = Journal::at(&path, Rotation { bytes: 200 }).unwrap();
    let writers = (0..40_u32).map(|writer| {
        let journal = journal.clone();
        async move {
            for line in 0..5 {
                journal.append(&(writer * 100 + line)).await.unwrap();
            }
        }
    });
    futures::future::join_all(writers).await;
    let mut read = read_journal::<u32>(&path).unwrap();
    for writer in 0..40 {
        let own: Vec<u32> = read
            .iter()
            .copied()
            .filter(|line| line / 100 == writer)
            .collect();
        assert_eq!(
            own,
            (0..5).map(|line| writer * 100 + line).collect::<Vec<_>>(),
            "order of one writer"
        );
    }
    read.sort_unstable();
    read.dedup();
    assert_eq!(read.len(), 200);
    assert!(
        fs::read_dir(folder.path()).unwrap().count() > 2,
        "it rotated"
    );
}

#[tokio::test]
async fn lines_hold_nothing_that_a_terminal_obeys_and_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("instance-1-results.ndjson");
    let journal = Journal::at(&path, Rotation::default()).unwrap();
    let evil = "\x1b[2J\r\nnext: x\u{9b}31m\u{85}\u{202e}\u{2066}\u{feff}\u{e0041}".to_owned();
    journal.append(&evil).await.unwrap();
    journal.append_numbered(|_| evil.clone()).await.unwrap();
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(written.lines().count(), 2);
    assert!(
        written.lines().all(crate::runtime::is_printable),
        "{written:?}"
    );
    assert_eq!(read_journal::<String>(&path).unwrap(), [evil.clone(), evil]);
}

/// The numbers of the lines that are at hand, in order.
fn numbers(path: &std::path::Path) -> Vec<u64> {
    let lines = read_journal::<serde_json::Value>(path).unwrap();
    lines
        .iter()
        .map(|line| line["seq"].as_u64().unwrap_or(0))
        .collect()
}

#[tokio::test]
async fn numbers_go_on_over_restarts_cuts_and_rotated_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("instance-1-journal.ndjson");
    let line = |seq: u64| serde_json::json!({ "seq": seq, "text": "x".repeat(30) });
    let open = || Journal::at(&path, Rotation { bytes: 150 }).unwrap();
    // Lines of an earlier version have no number.
    let old = open();
    old.append(&serde_json::json!({ "at": 1 })).await.unwrap();
    assert_eq!(old.durable(), 0);
    drop(old);
    for restart in 0..4 {
        let journal = open();
        assert_eq!(journal.durable(), restart * 5);
        for _ in 0..5 {
            journal.append_numbered(line).await.unwrap();
        }
        assert_eq!(journal.durable(), restart * 5 + 5);
    }
    let whole: Vec<u64> = (0..=20).collect();
    assert_eq!(numbers(&path), whole);
    // A crash cut the last line: its number is free again.
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    let journal = open();
    assert_eq!(journal.durable(), 19);
    journal.append_numbered(line).await.unwrap();
    assert_eq!(numbers(&path), whole);
    drop(journal);
    // Right after a rotation the file is empty: the one that was put aside says how far it was.
    let aside = journal_files(&path).unwrap();
    assert!(aside.len() > 5, "{aside:?}");
    fs::remove_file(&path).unwrap();
    let last = *numbers(&path).last().unwrap();
    let journal = open();
    assert_eq!(journal.durable(), last);
    drop(journal);
    // A file that was taken away leaves a hole: no later file takes its place.
    fs::remove_file(&aside[1]).unwrap();
    let journal = open();
    for _ in 0..5 {
        journal.append_numbered(line).await.unwrap();
    }
    assert!(!aside[1].exists());
    assert!(numbers(&path).is_sorted());
    assert_eq!(numbers(&path).last(), Some(&(last + 5)));
}
