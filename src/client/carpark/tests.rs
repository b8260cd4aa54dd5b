//! Reading from servers of many dialects, each a script of answers on a real connection.

use std::sync::{Arc, Mutex};

use reqwest::Url;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{Addresses, Blob, CarparkClient};
use crate::client::calls::Calls;
use crate::client::http::Http;
use crate::client::{Cause, ClientError, Limits};
use crate::runtime::{ServiceRegistry, Tasks};

/// What a server answered, one answer a connection, and the heads of the requests that came.
struct Server {
    url: Url,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/shard", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let answers: Vec<String> = answers
            .iter()
            .map(|text| text.replace('\n', "\r\n"))
            .collect();
        Tasks::new().spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
                seen.lock().unwrap().push(head);
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self {
            url: url.parse().unwrap(),
            heads,
        }
    }

    fn client(url: &Url) -> CarparkClient {
        let limits = Limits {
            pause: std::time::Duration::from_millis(1),
            ..Limits::default()
        };
        let calls = Calls::new(&limits, ServiceRegistry::new());
        let addresses = Addresses::of_one(url.clone());
        CarparkClient::new(Http::new(&limits).unwrap(), calls, addresses)
    }

    async fn read(&self) -> Result<String, ClientError> {
        let mut blob = Blob::open(&Self::client(&self.url), self.url.clone()).await?;
        let mut all = Vec::new();
        while let Some(piece) = blob.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(String::from_utf8(all).unwrap())
    }

    async fn length(&self) -> Result<Option<Option<u64>>, ClientError> {
        Self::client(&self.url).at(&self.url).await
    }

    /// Whether a request came with a header.
    fn had(&self, request: usize, header: &str) -> bool {
        self.heads.lock().unwrap()[request].contains(header)
    }

    fn requests(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

/// An answer whose body ends before its length.
fn cut(etag: &str) -> String {
    format!("HTTP/1.1 200 OK\netag: {etag}\ncontent-length: 10\n\n012345")
}

const REST: &str =
    "HTTP/1.1 206 Partial Content\ncontent-range: bytes 6-9/10\ncontent-length: 4\n\n6789";
const UNMET: &str = "HTTP/1.1 412 Precondition Failed\ncontent-length: 0\n\n";
const ALL: &str = "HTTP/1.1 200 OK\ncontent-length: 10\n\n0123456789";

#[tokio::test]
async fn a_cut_is_repaired_on_condition_that_the_object_is_the_same() {
    let server = Server::start(&[&cut("\"a\""), REST]).await;
    assert_eq!(server.read().await.unwrap(), "0123456789");
    assert!(server.had(1, "if-match: \"a\"\r\n") && server.had(1, "range: bytes=6-\r\n"));
}

#[tokio::test]
async fn a_validator_that_never_compares_as_equal_makes_no_condition() {
    for etag in ["W/\"a\"", "a"] {
        let server = Server::start(&[&cut(etag), REST]).await;
        assert_eq!(server.read().await.unwrap(), "0123456789", "{etag}");
        assert!(!server.had(1, "if-match"), "{etag}");
    }
}

#[tokio::test]
async fn a_condition_that_a_server_never_fulfils_is_done_without() {
    let server = Server::start(&[&cut("\"a\""), UNMET, REST]).await;
    assert_eq!(server.read().await.unwrap(), "0123456789");
    assert!(server.had(1, "if-match") && !server.had(2, "if-match"));
}

#[tokio::test]
async fn a_server_without_ranges_is_read_again_from_the_start() {
    let server = Server::start(&[&cut("\"a\""), ALL]).await;
    assert_eq!(server.read().await.unwrap(), "0123456789");
    // Also when that is cut before and after what is known.
    let shorter = "HTTP/1.1 200 OK\ncontent-length: 10\n\n012";
    let longer = "HTTP/1.1 200 OK\ncontent-length: 10\n\n01234567";
    let server = Server::start(&[&cut("\"a\""), shorter, longer, ALL]).await;
    assert_eq!(server.read().await.unwrap(), "0123456789");
    assert_eq!(server.requests(), 4);
}

#[tokio::test]
async fn an_object_that_changes_or_is_packed_on_the_way_is_not_read_on() {
    let grown = "HTTP/1.1 200 OK\ncontent-length: 12\n\n0123456789ab";
    let server = Server::start(&[&cut("a"), grown, grown, grown]).await;
    let error = server.read().await.unwrap_err();
    assert!(error.cause.is_transient(), "{error}");
    assert!(
        error.to_string().contains("12 bytes, which had 10"),
        "{error}"
    );
    let packed = "HTTP/1.1 200 OK\ncontent-encoding: gzip\ncontent-length: 4\n\nabcd";
    let server = Server::start(&[packed, packed, packed]).await;
    let error = server.read().await.unwrap_err();
    assert!(matches!(error.cause, Cause::Malformed(_)), "{error}");
}

#[tokio::test]
async fn a_length_is_found_out_where_nobody_answers_to_head() {
    let no_head = "HTTP/1.1 405 Method Not Allowed\ncontent-length: 0\n\n";
    let byte = "HTTP/1.1 206 Partial Content\ncontent-range: bytes 0-0/10\ncontent-length: 1\n\n0";
    let server = Server::start(&[no_head, byte]).await;
    assert_eq!(server.length().await.unwrap(), Some(Some(10)));
    assert!(server.had(1, "get /shard") && server.had(1, "range: bytes=0-0\r\n"));
    let gone = "HTTP/1.1 404 Not Found\ncontent-length: 0\n\n";
    let server = Server::start(&[no_head, gone]).await;
    assert_eq!(server.length().await.unwrap(), None);
    // Nothing is known of a body that was not sent.
    let empty = "HTTP/1.1 200 OK\ncontent-length: 0\n\n";
    let server = Server::start(&[empty]).await;
    assert_eq!(server.length().await.unwrap(), Some(None));
}
