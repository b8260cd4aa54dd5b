//! A service whose answers are small when they are sent and large when they are read.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use sterna::proto::car;
use sterna::proto::multihash::{Multihash, codec};

use crate::run::{Place, ROOT};

/// KiB of address space that a command gets: enough for an answer of the largest size that is read, and for itself.
const ENOUGH: u32 = 1_000_000;
/// A section without bytes under an identity CID: five bytes to send, and a hundred in memory.
const EMPTY: [u8; 5] = [4, 1, 0x55, 0, 0];
/// Such sections in one piece of the answer, and pieces: twelve million blocks.
const IN_PIECE: usize = 200_000;
const PIECES: usize = 60;

fn packed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// 60 MB in a few hundred KB.
fn answer() -> Vec<u8> {
    let root = Multihash::sha256(b"root").cid(codec::DAG_CBOR).unwrap();
    let head = car::write(&[root], [(&root, &b"root"[..])]);
    let mut answer = packed(&head);
    answer.extend(packed(&EMPTY.repeat(IN_PIECE)).repeat(PIECES));
    answer
}

fn serve(mut connection: TcpStream, answer: &[u8]) {
    let mut request = [0; 4096];
    while let Ok(read) = connection.read(&mut request) {
        if read == 0 {
            return;
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        if connection.write_all(head.as_bytes()).is_err() || connection.write_all(answer).is_err() {
            return;
        }
    }
}

#[test]
fn an_answer_of_twelve_million_blocks_takes_no_memory_for_each() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = answer();
    assert!(answer.len() < 1 << 20, "{}", answer.len());
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            serve(connection, &answer);
        }
    });
    let place = Place::new();
    let command = format!("ulimit -v {ENOUGH}; exec \"$0\" claims {ROOT}");
    let ran = Command::new("sh")
        .args(["-c", &command, env!("CARGO_BIN_EXE_sterna")])
        .current_dir(place.path())
        .env_clear()
        .env("INDEXING_SERVICE_URL", url)
        .output()
        .unwrap();
    let told = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{told}");
    assert!(
        told.contains("answer is not a CAR: CAR has more than 65536 sections"),
        "{told}"
    );
}
