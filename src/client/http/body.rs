//! Bodies of answers, never larger than the caller allows.

use std::io::Read as _;

use bytes::{Bytes, BytesMut};

use super::connection::network;
use crate::client::Cause;
use crate::client::memory::{self, Body, Room};

/// Reads a whole body of at most `limit` bytes, as soon as there is room for it.
pub(crate) async fn read(mut response: reqwest::Response, limit: usize) -> Result<Body, Cause> {
    let told = response.content_length();
    if told.is_some_and(|length| length > limit as u64) {
        return Err(Cause::TooLarge { limit });
    }
    let told = told.and_then(|length| usize::try_from(length).ok());
    let mut room = Room::default();
    let mut body = BytesMut::new();
    if let Some(told) = told {
        room = memory::read(Some(told), limit).await;
        body.reserve(told);
    }
    while let Some(chunk) = response.chunk().await.map_err(|error| network(&error))? {
        let length = body.len() + chunk.len();
        if length > limit {
            return Err(Cause::TooLarge { limit });
        }
        // One that did not tell its size turns out to be large.
        if told.is_none() && length > memory::SMALL && body.len() <= memory::SMALL {
            room = memory::read(None, limit).await;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Body::new(body.freeze(), room))
}

/// Reads a body that may be gzipped, bounded before and after it is unpacked.
pub(crate) async fn read_gzip(response: reqwest::Response, limit: usize) -> Result<Body, Cause> {
    let packed = response
        .headers()
        .get(reqwest::header::CONTENT_ENCODING)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip"));
    let body = read(response, limit).await?;
    if !packed {
        return Ok(body);
    }
    // What is small when it is unpacked is unpacked once; the size of a larger one is found out first.
    match unpack(&body, memory::SMALL.min(limit)) {
        Err(Cause::TooLarge { .. }) => {}
        plain => return plain.map(|plain| Body::new(plain, Room::default())),
    }
    let size = size(&body, limit)?;
    // What is unpacked holds its place until nothing of it is left; the packed bytes go now.
    let room = memory::unpacked(size).await;
    Ok(Body::new(unpack(&body, size)?, room))
}

/// How large a body is when it is unpacked.
fn size(packed: &[u8], limit: usize) -> Result<usize, Cause> {
    let size = std::io::copy(&mut plain(packed, limit), &mut std::io::sink());
    let size = size.map_err(|error| Cause::Malformed(format!("gzip: {error}")))?;
    usize::try_from(size)
        .ok()
        .filter(|size| *size <= limit)
        .ok_or(Cause::TooLarge { limit })
}

fn unpack(packed: &[u8], limit: usize) -> Result<Bytes, Cause> {
    // Above a small size it is known, and is the limit.
    let expected = if limit > memory::SMALL { limit } else { 0 };
    let mut bytes = Vec::with_capacity(expected);
    plain(packed, limit)
        .read_to_end(&mut bytes)
        .map_err(|error| Cause::Malformed(format!("gzip: {error}")))?;
    if bytes.len() > limit {
        return Err(Cause::TooLarge { limit });
    }
    Ok(bytes.into())
}

/// The unpacked bytes, one more than allowed at most.
fn plain(packed: &[u8], limit: usize) -> impl std::io::Read {
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    flate2::read::MultiGzDecoder::new(packed).take(bound)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn pack(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_small_gzip_cannot_unpack_into_a_large_body() {
        let bomb = pack(&vec![0; 1 << 20]);
        assert!(bomb.len() < 4096);
        assert_eq!(unpack(&bomb, 4096), Err(Cause::TooLarge { limit: 4096 }));
        assert_eq!(unpack(&bomb, 1 << 20).unwrap().len(), 1 << 20);
        assert_eq!(size(&bomb, 4096), Err(Cause::TooLarge { limit: 4096 }));
        assert_eq!(size(&bomb, 2 << 20), Ok(1 << 20));
    }

    #[test]
    fn a_cut_gzip_is_malformed() {
        let packed = pack(b"some claims");
        assert!(matches!(
            unpack(&packed[..packed.len() - 4], 4096),
            Err(Cause::Malformed(_))
        ));
    }
}
