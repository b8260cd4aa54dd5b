//! What every backend has to do, one suite for all of them: a new kind adds one line to [`each`].

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use sterna::client::blobs::{Backend, BackendUrl, Entry, Head, Overwrite, Published, Removed};

/// A backend that is empty, and what it lies in.
pub(crate) struct Empty {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) place: tempfile::TempDir,
}

pub(crate) fn folder() -> Empty {
    let place = tempfile::tempdir().unwrap();
    let url = BackendUrl::parse(&format!("dir:{}", place.path().display())).unwrap();
    Empty {
        backend: url.open().unwrap(),
        place,
    }
}

/// Every kind.
fn each() -> Vec<Empty> {
    vec![folder()]
}

/// Writes a blob in two pieces.
pub(crate) async fn write(
    backend: &dyn Backend,
    key: &str,
    bytes: &[u8],
    overwrite: Overwrite,
) -> Published {
    let mut writer = backend.create(key, bytes.len() as u64).await.unwrap();
    let (one, other) = bytes.split_at(bytes.len() / 2);
    writer.write(Bytes::copy_from_slice(one)).await.unwrap();
    writer.write(Bytes::copy_from_slice(other)).await.unwrap();
    writer.seal().await.unwrap();
    writer.publish(overwrite).await.unwrap()
}

pub(crate) async fn read(backend: &dyn Backend, key: &str) -> Option<Vec<u8>> {
    let mut reading = backend.read(key).await.unwrap()?;
    let mut bytes = Vec::new();
    while let Some(chunk) = reading.body.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    assert_eq!(bytes.len() as u64, reading.head.size);
    Some(bytes)
}

async fn head(backend: &dyn Backend, key: &str) -> Head {
    backend.head(key).await.unwrap().unwrap()
}

/// The keys of a listing.
pub(crate) async fn keys(backend: &dyn Backend, prefix: &str, after: Option<&str>) -> Vec<String> {
    let listing = backend.list(prefix, after);
    let entries: Vec<_> = listing.collect().await;
    let blobs = entries
        .into_iter()
        .filter_map(|entry| match entry.unwrap() {
            Entry::Blob { key, .. } => Some(key),
            Entry::Other { .. } | Entry::Unrepresentable { .. } => None,
        });
    blobs.collect()
}

#[tokio::test]
async fn what_is_written_is_read_whole_and_nothing_is_there_before() {
    for Empty { backend, .. } in each() {
        for size in [
            0,
            1,
            2,
            1_000,
            256 * 1024 - 1,
            256 * 1024,
            256 * 1024 + 1,
            3_000_001,
        ] {
            let key = format!("some/{size}");
            let bytes: Vec<u8> = (0..size).map(|at: u32| at.to_le_bytes()[0]).collect();
            assert!(backend.head(&key).await.unwrap().is_none());
            assert_eq!(read(&*backend, &key).await, None);
            assert_eq!(
                write(&*backend, &key, &bytes, Overwrite::Never).await,
                Published::Done
            );
            assert_eq!(read(&*backend, &key).await.unwrap(), bytes, "{size}");
            assert_eq!(head(&*backend, &key).await.size, u64::from(size));
        }
    }
}

#[tokio::test]
async fn a_blob_that_is_not_published_is_seen_by_nobody() {
    for Empty { backend, .. } in each() {
        let mut writer = backend.create("a/b", 3).await.unwrap();
        writer.write(Bytes::from_static(b"abc")).await.unwrap();
        writer.seal().await.unwrap();
        assert!(backend.head("a/b").await.unwrap().is_none());
        assert!(keys(&*backend, "", None).await.is_empty());
        drop(writer);
        assert!(backend.head("a/b").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn nothing_is_replaced_but_the_version_that_was_named() {
    for Empty { backend, .. } in each() {
        write(&*backend, "k", b"first", Overwrite::Never).await;
        let first = head(&*backend, "k").await;
        assert_eq!(
            write(&*backend, "k", b"second", Overwrite::Never).await,
            Published::Occupied
        );
        assert_eq!(read(&*backend, "k").await.unwrap(), b"first");
        let over_first = Overwrite::If(first.tag.clone());
        assert_eq!(
            write(&*backend, "k", b"third", over_first.clone()).await,
            Published::Done
        );
        assert_eq!(
            write(&*backend, "k", b"fourth", over_first).await,
            Published::Occupied
        );
        assert_eq!(read(&*backend, "k").await.unwrap(), b"third");
        assert_ne!(head(&*backend, "k").await.tag, first.tag);
    }
}

#[tokio::test]
async fn only_what_its_writer_knows_again_is_removed() {
    for Empty { backend, .. } in each() {
        let mut writer = backend.create("k", 1).await.unwrap();
        writer.write(Bytes::from_static(b"x")).await.unwrap();
        let ours = writer.seal().await.unwrap();
        assert_eq!(backend.remove("k", &ours).await.unwrap(), Removed::Absent);
        writer.publish(Overwrite::Never).await.unwrap();
        assert_eq!(head(&*backend, "k").await.identity, ours);
        let other = head(&*backend, "k").await;
        write(&*backend, "k", b"yy", Overwrite::If(other.tag)).await;
        assert_eq!(backend.remove("k", &ours).await.unwrap(), Removed::Foreign);
        assert_eq!(read(&*backend, "k").await.unwrap(), b"yy");
        let theirs = head(&*backend, "k").await.identity;
        assert_eq!(backend.remove("k", &theirs).await.unwrap(), Removed::Done);
        assert_eq!(backend.remove("k", &theirs).await.unwrap(), Removed::Absent);
    }
}

#[tokio::test]
async fn a_listing_goes_by_the_bytes_of_keys_from_anywhere() {
    for Empty { backend, .. } in each() {
        let mut names = vec![
            "a.txt", "a/b", "a/b.c", "a0", "b/c/d", "b/c/e", "b/c0", "é", "z",
        ];
        for name in &names {
            write(&*backend, name, name.as_bytes(), Overwrite::Never).await;
        }
        names.sort_unstable();
        assert_eq!(keys(&*backend, "", None).await, names);
        for (at, name) in names.iter().enumerate() {
            assert_eq!(
                keys(&*backend, "", Some(name)).await,
                names[at + 1..],
                "{name}"
            );
        }
        assert_eq!(
            keys(&*backend, "b/c", None).await,
            ["b/c/d", "b/c/e", "b/c0"]
        );
        assert_eq!(keys(&*backend, "b/c/", Some("b/c/d")).await, ["b/c/e"]);
        assert_eq!(keys(&*backend, "", Some("a/")).await[0], "a/b");
        assert!(keys(&*backend, "c", None).await.is_empty());
    }
}

#[tokio::test]
async fn a_listing_of_many_pages_has_every_key_once() {
    for Empty { backend, .. } in each() {
        let mut names = Vec::new();
        for number in 0..2_100 {
            let mut name = String::new();
            write!(name, "{:02x}/{number:04}", number % 7).unwrap();
            write(&*backend, &name, b"", Overwrite::Never).await;
            names.push(name);
        }
        names.sort_unstable();
        assert_eq!(keys(&*backend, "", None).await, names);
    }
}

#[tokio::test]
async fn a_key_that_the_backend_cannot_hold_is_refused_before_anything_is_written() {
    for Empty { backend, .. } in each() {
        write(&*backend, "a", b"a file", Overwrite::Never).await;
        for key in ["../x", "/etc/passwd", "a//b", "."] {
            assert!(backend.refusal(key).is_some(), "{key}");
            assert!(backend.create(key, 1).await.is_err(), "{key}");
            assert!(backend.head(key).await.is_err(), "{key}");
        }
    }
}
