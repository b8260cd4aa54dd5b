//! Bodies of answers, never larger than the caller allows.

use std::io::Read as _;

use bytes::{Bytes, BytesMut};

use super::network;
use crate::client::Cause;

/// Reads a whole body of at most `limit` bytes.
pub(crate) async fn read(mut response: reqwest::Response, limit: usize) -> Result<Bytes, Cause> {
    if response
        .content_length()
        .is_some_and(|length| length > limit as u64)
    {
        return Err(Cause::TooLarge { limit });
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| network(&error))? {
        if body.len() + chunk.len() > limit {
            return Err(Cause::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Reads a body that may be gzipped, bounded before and after it is unpacked.
pub(crate) async fn read_gzip(response: reqwest::Response, limit: usize) -> Result<Bytes, Cause> {
    let packed = response
        .headers()
        .get(reqwest::header::CONTENT_ENCODING)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip"));
    let body = read(response, limit).await?;
    if packed {
        unpack(&body, limit)
    } else {
        Ok(body)
    }
}

fn unpack(packed: &[u8], limit: usize) -> Result<Bytes, Cause> {
    let mut plain = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    flate2::read::MultiGzDecoder::new(packed)
        .take(bound)
        .read_to_end(&mut plain)
        .map_err(|error| Cause::Malformed(format!("gzip: {error}")))?;
    if plain.len() > limit {
        return Err(Cause::TooLarge { limit });
    }
    Ok(plain.into())
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
