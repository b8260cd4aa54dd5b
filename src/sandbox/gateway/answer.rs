//! Answers of retrievals: headers, ranges, listings (docs/protocol/gateway.md §4).

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use cid::Cid;

use super::blocks::{BlockError, Blocks};
use super::request::{Format, Wanted};
use super::{content_type, files};
use crate::sandbox::ranges::{Asked, asked, content_range};
use crate::sandbox::ucan_server::plain;

/// Content under a CID never changes.
const FOR_EVER: &str = "public, max-age=29030400, immutable, no-transform";

/// A retrieval that may be served.
pub(super) struct Asker<'a> {
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) wanted: &'a Wanted,
}

/// Answers in the wanted form.
pub(super) async fn content(asker: &Asker<'_>, blocks: &mut Blocks<'_>) -> Response<Body> {
    let answer = match asker.wanted.format {
        Format::Content => entry(asker, blocks).await,
        Format::Raw => raw(asker, blocks).await,
        Format::Car => car(asker, blocks).await,
    };
    answer.unwrap_or_else(|error| refusal(&error))
}

/// The answer for content that cannot be read.
pub(super) fn refusal(error: &BlockError) -> Response<Body> {
    let status = match error {
        BlockError::NotFound(_) | BlockError::NoEntry(_) => StatusCode::NOT_FOUND,
        BlockError::OtherType(_) => StatusCode::NOT_IMPLEMENTED,
        BlockError::Fetch { .. } | BlockError::Node { .. } => StatusCode::BAD_GATEWAY,
    };
    plain(status, &error.to_string())
}

async fn entry(asker: &Asker<'_>, blocks: &mut Blocks<'_>) -> Result<Response<Body>, BlockError> {
    let wanted = asker.wanted;
    match files::resolve(blocks, &wanted.root, &wanted.path).await? {
        files::Found::File { cid, size } => file(asker, blocks, &cid, size).await,
        files::Found::Directory { cid, entries } => {
            let index = entries
                .iter()
                .find(|(name, _)| name == "index.html")
                .map(|(_, cid)| *cid);
            let Some(index) = index else {
                return Ok(listing(asker, &cid, &entries));
            };
            match files::resolve(blocks, &index, &[]).await? {
                files::Found::File { cid, size } => file(asker, blocks, &cid, size).await,
                files::Found::Directory { .. } => Ok(listing(asker, &cid, &entries)),
            }
        }
    }
}

async fn file(
    asker: &Asker<'_>,
    blocks: &mut Blocks<'_>,
    cid: &Cid,
    size: u64,
) -> Result<Response<Body>, BlockError> {
    let etag = format!("\"{cid}\"");
    if unchanged(asker.headers, &etag) {
        return Ok(build(
            Response::builder()
                .status(StatusCode::NOT_MODIFIED)
                .header(header::ETAG, etag),
            Body::empty(),
        ));
    }
    let range = match asked(asker.headers, size) {
        Asked::Whole => None,
        Asked::Part(range) => Some(range),
        Asked::Unsatisfiable if size == 0 => None,
        Asked::Unsatisfiable => return Ok(plain(StatusCode::BAD_REQUEST, "invalid range")),
    };
    let status = match (&range, size, asker.method) {
        (Some(_), ..) => StatusCode::PARTIAL_CONTENT,
        (None, 0, &Method::GET) => StatusCode::NO_CONTENT,
        _ => StatusCode::OK,
    };
    let part = range.clone().unwrap_or(0..size);
    let mut answer = Response::builder()
        .status(status)
        .header(header::ETAG, etag)
        .header(header::CACHE_CONTROL, FOR_EVER)
        .header(header::ACCEPT_RANGES, "bytes");
    if status != StatusCode::NO_CONTENT {
        answer = answer.header(header::CONTENT_LENGTH, part.end - part.start);
    }
    if let Some(range) = &range {
        answer = answer.header(header::CONTENT_RANGE, content_range(range, size));
    }
    if *asker.method == Method::HEAD {
        return Ok(build(answer, Body::empty()));
    }
    let bytes = files::read(blocks, cid, part.clone()).await?;
    if bytes.len() as u64 != part.end - part.start {
        return Err(BlockError::Node {
            cid: *cid,
            reason: "the file is shorter than its size".to_owned(),
        });
    }
    let media = content_type::of(asker.wanted.path.last().map(String::as_str), &bytes);
    Ok(build(
        answer.header(header::CONTENT_TYPE, media),
        Body::from(bytes),
    ))
}

async fn raw(asker: &Asker<'_>, blocks: &mut Blocks<'_>) -> Result<Response<Body>, BlockError> {
    let cid = target(asker, blocks).await?;
    let bytes = blocks.get(&cid).await?;
    Ok(whole(
        asker,
        &format!("\"{cid}.raw\""),
        "application/vnd.ipld.raw",
        bytes.to_vec(),
    ))
}

async fn car(asker: &Asker<'_>, blocks: &mut Blocks<'_>) -> Result<Response<Body>, BlockError> {
    let cid = target(asker, blocks).await?;
    let bytes = files::export(blocks, &cid).await?;
    Ok(whole(
        asker,
        &format!("\"{cid}.car\""),
        "application/vnd.ipld.car; version=1",
        bytes,
    ))
}

/// The block that the path leads to.
async fn target(asker: &Asker<'_>, blocks: &mut Blocks<'_>) -> Result<Cid, BlockError> {
    if asker.wanted.path.is_empty() {
        return Ok(asker.wanted.root);
    }
    match files::resolve(blocks, &asker.wanted.root, &asker.wanted.path).await? {
        files::Found::File { cid, .. } | files::Found::Directory { cid, .. } => Ok(cid),
    }
}

/// A page that links to every entry.
fn listing(asker: &Asker<'_>, cid: &Cid, entries: &[(String, Cid)]) -> Response<Body> {
    let base: String = asker
        .wanted
        .path
        .iter()
        .fold(String::new(), |path, name| path + &encoded(name) + "/");
    let mut page =
        format!("<!DOCTYPE html>\n<title>{cid}</title>\n<h1>Index of {cid}</h1>\n<ul>\n");
    for (name, entry) in entries {
        let href = format!("/ipfs/{}/{base}{}", asker.wanted.root, encoded(name));
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "<li><a href=\"{href}\">{}</a> {entry}</li>",
            escaped(name)
        );
    }
    page.push_str("</ul>\n");
    whole(
        asker,
        &format!("\"DirIndex-{cid}\""),
        "text/html; charset=utf-8",
        page.into_bytes(),
    )
}

fn whole(asker: &Asker<'_>, etag: &str, media: &str, bytes: Vec<u8>) -> Response<Body> {
    if unchanged(asker.headers, etag) {
        return build(
            Response::builder()
                .status(StatusCode::NOT_MODIFIED)
                .header(header::ETAG, etag),
            Body::empty(),
        );
    }
    let answer = Response::builder()
        .header(header::ETAG, etag)
        .header(header::CACHE_CONTROL, FOR_EVER)
        .header(header::CONTENT_TYPE, media)
        .header(header::CONTENT_LENGTH, bytes.len());
    build(
        answer,
        if *asker.method == Method::HEAD {
            Body::empty()
        } else {
            Body::from(bytes)
        },
    )
}

fn unchanged(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    known
        .split(',')
        .any(|known| known.trim().trim_start_matches("W/") == etag)
}

fn build(answer: axum::http::response::Builder, body: Body) -> Response<Body> {
    answer
        .body(body)
        .unwrap_or_else(|error| plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()))
}

fn encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                text.push(byte.into());
            }
            other => {
                // Writing to a string cannot fail.
                let _ = write!(text, "%{other:02X}");
            }
        }
    }
    text
}

fn escaped(name: &str) -> String {
    name.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
