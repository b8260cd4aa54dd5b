//! Targets and sources that do not keep or give what they should: nothing is believed that was not read back
//! (docs/blobs.md §12, 6 to 8).

use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use sterna::client::blobs::Backend;
use sterna::migrations::blobs::{SOURCE_CORRUPT, TARGET_MISMATCH, TARGET_OCCUPIED};

use crate::files::{files, put};
use crate::scene::{Scene, open};
use crate::scripted::{Script, Scripted};

/// How a target lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// A byte is flipped when it is written.
    Write,
    /// A byte is flipped when it is read.
    Read,
    /// Nothing is written.
    Drop,
}

fn flipped(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    if let Some(first) = bytes.first_mut() {
        *first ^= 1;
    }
    bytes.into()
}

impl Script for Lie {
    fn written(&self, bytes: Bytes) -> Bytes {
        if *self == Self::Write {
            flipped(&bytes)
        } else {
            bytes
        }
    }

    fn read(&self, bytes: Bytes) -> Bytes {
        if *self == Self::Read {
            flipped(&bytes)
        } else {
            bytes
        }
    }

    fn drops(&self) -> bool {
        *self == Self::Drop
    }
}

/// The target of a scene, which lies.
fn lying(scene: &Scene, lie: Lie) -> Arc<dyn Backend> {
    Arc::new(Scripted(open(&scene.path("to")), Arc::new(lie)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_does_not_keep_what_is_written_is_found_out() {
    for lie in [Lie::Write, Lie::Read] {
        let scene = Scene::new(&[("a", b"some bytes"), ("b/c", b"others")]);
        let target = lying(&scene, lie);
        let report = scene.copy(&*scene.session(target).await).await;
        assert_eq!(report.counts.quarantined, 2, "{lie:?}");
        assert_eq!(report.failures.get(&TARGET_MISMATCH), Some(&2), "{lie:?}");
        // What is wrong is not left for readers.
        assert!(files(&scene.path("to")).is_empty(), "{lie:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_drops_writes_never_counts_as_copied() {
    let scene = Scene::new(&[("a", b"some bytes")]);
    let target = lying(&scene, Lie::Drop);
    let report = scene.copy(&*scene.session(target).await).await;
    assert_eq!(
        (report.counts.done, report.counts.bad()),
        (0, 1),
        "{:?}",
        report.failures
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_on_the_target_is_refused_and_replaced_only_if_that_was_said() {
    let mut scene = Scene::new(&[("a", b"right"), ("b", b"right"), ("c", b"right")]);
    put(&scene.path("to/a"), b"wrong");
    put(&scene.path("to/b"), b"right");
    put(&scene.path("to/c"), b"longer");
    let before = files(&scene.path("to"));
    let session = scene.session(open(&scene.path("to"))).await;
    let report = scene.copy(&session).await;
    assert_eq!((report.counts.done, report.counts.quarantined), (1, 2));
    assert_eq!(report.failures.get(&TARGET_OCCUPIED), Some(&2));
    assert_eq!(files(&scene.path("to")), before);

    scene.replace = true;
    let session = scene.session(open(&scene.path("to"))).await;
    let retry = scene.retry(&session).await;
    assert_eq!(retry.counts.done, 2);
    assert_eq!(files(&scene.path("to")), files(&scene.path("from")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_not_what_its_key_names_is_named_and_not_copied() {
    let layout = "digest:{hex:2}/{hex}".parse().unwrap();
    let good = "2c/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let bad = "48/486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7";
    let mut scene = Scene::of_layout(layout, &[(good, b"hello"), (bad, b"w0rld")]);
    // The same wrong bytes lie on the target: both agree, and neither is believed.
    put(&scene.path("to").join(bad), b"w0rld");
    let session = scene.session(open(&scene.path("to"))).await;
    let report = scene.copy(&session).await;
    assert_eq!((report.counts.done, report.counts.quarantined), (1, 1));
    assert_eq!(report.failures.get(&TARGET_OCCUPIED), Some(&1));
    scene.replace = true;
    let session = scene.session(open(&scene.path("to"))).await;
    let retry = scene.retry(&session).await;
    assert_eq!(retry.failures.get(&SOURCE_CORRUPT), Some(&1));
    assert_eq!(fs::read(scene.path("to").join(good)).unwrap(), b"hello");
    let audit = scene.audit(&session).await;
    assert_eq!((audit.ok, audit.wrong), (1, 1));
}
