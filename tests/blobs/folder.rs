//! What is special about a folder: links, pipes, names, crashes.

use std::fs;
use std::os::unix::fs::symlink;

use bytes::Bytes;
use futures::StreamExt as _;
use sterna::client::blobs::{Entry, ErrorKind, Overwrite, Published};

use crate::backends::{Empty, folder, keys, read, write};

#[tokio::test]
async fn links_pipes_and_sockets_are_named_and_never_opened() {
    let Empty { backend, place } = folder();
    let root = place.path();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    fs::create_dir(root.join("dir")).unwrap();
    fs::write(root.join("dir/file"), "file").unwrap();
    symlink(outside.path().join("secret"), root.join("link")).unwrap();
    symlink(outside.path(), root.join("out")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();

    let entries: Vec<_> = backend.list("", None).map(Result::unwrap).collect().await;
    let other = |name: &str| {
        entries.iter().find_map(|entry| match entry {
            Entry::Other { name: other, what } if other == name => Some(*what),
            _ => None,
        })
    };
    assert_eq!(other("link"), Some("a symbolic link"));
    assert_eq!(other("out"), Some("a symbolic link"));
    assert_eq!(other("pipe"), Some("a pipe"));
    assert_eq!(other("socket"), Some("a socket"));
    assert_eq!(entries.len(), 5);
    for key in ["link", "pipe", "socket", "dir"] {
        assert_eq!(
            backend.head(key).await.unwrap_err().kind,
            ErrorKind::NotABlob,
            "{key}"
        );
        assert!(backend.read(key).await.is_err(), "{key}");
    }
    // Nothing is read or written through a link to elsewhere.
    assert!(backend.read("out/secret").await.is_err());
    let mut writer = backend.create("out/new", 1).await.unwrap();
    writer.write(Bytes::from_static(b"x")).await.unwrap();
    writer.seal().await.unwrap();
    assert!(writer.publish(Overwrite::Never).await.is_err());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_key_and_one_below_it_cannot_both_be_files() {
    let Empty {
        backend,
        place: _place,
    } = folder();
    write(&*backend, "a", b"file", Overwrite::Never).await;
    let mut writer = backend.create("a/b", 0).await.unwrap();
    writer.seal().await.unwrap();
    let error = writer.publish(Overwrite::Never).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Key);
    write(&*backend, "c/d", b"file", Overwrite::Never).await;
    assert_eq!(
        write(&*backend, "c", b"file", Overwrite::Never).await,
        Published::Occupied
    );
    assert_eq!(keys(&*backend, "", None).await, ["a", "c/d"]);
}

#[tokio::test]
async fn a_name_that_is_not_text_is_named() {
    use std::os::unix::ffi::OsStrExt as _;
    let Empty { backend, place } = folder();
    fs::write(
        place.path().join(std::ffi::OsStr::from_bytes(b"a\xff")),
        "x",
    )
    .unwrap();
    let entries: Vec<_> = backend.list("", None).map(Result::unwrap).collect().await;
    let [Entry::Unrepresentable { name, why }] = &entries[..] else {
        panic!("{entries:?}");
    };
    assert_eq!((&**name, *why), ("a\\xff", "its name is not UTF-8"));
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_ends_in_an_error() {
    let Empty { backend, place } = folder();
    let path = place.path().join("k");
    fs::write(&path, vec![7; 600_000]).unwrap();
    for change in [700_000, 100] {
        let mut reading = backend.read("k").await.unwrap().unwrap();
        reading.body.next().await.unwrap().unwrap();
        fs::write(&path, vec![8; change]).unwrap();
        let rest: Vec<_> = reading.body.collect().await;
        let error = rest.into_iter().find_map(Result::err).unwrap();
        assert_eq!(error.kind, ErrorKind::Changed, "{change}");
    }
}

#[tokio::test]
async fn what_is_left_of_a_writer_that_was_dropped_is_nothing() {
    let Empty { backend, place } = folder();
    let mut writer = backend.create("a", 3).await.unwrap();
    writer.write(Bytes::from_static(b"abc")).await.unwrap();
    let temporary = place.path().join(".sterna-tmp");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 1);
    drop(writer);
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    assert_eq!(read(&*backend, "a").await, None);
}

#[tokio::test]
async fn what_is_left_of_a_process_that_died_goes_and_what_is_being_written_stays() {
    let Empty { backend, place } = folder();
    let mut writer = backend.create("a", 3).await.unwrap();
    writer.write(Bytes::from_static(b"abc")).await.unwrap();
    let temporary = place.path().join(".sterna-tmp");
    fs::write(
        temporary.join("0123456789abcdef0123456789abcdef"),
        "by a process that died",
    )
    .unwrap();
    fs::write(temporary.join("mine"), "by somebody else").unwrap();
    assert_eq!(backend.tidy().await.unwrap(), 1);
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 2);
    fs::remove_file(temporary.join("mine")).unwrap();
    writer.seal().await.unwrap();
    writer.publish(Overwrite::Never).await.unwrap();
    assert_eq!(read(&*backend, "a").await.unwrap(), b"abc");
    assert_eq!(backend.tidy().await.unwrap(), 0);
    assert!(!temporary.exists());
}
