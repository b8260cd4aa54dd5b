//! The file of an object: its bytes, then its description, then the description's length.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use multibase::Base::Base16Lower;
use serde::{Deserialize, Serialize};

/// The last bytes of every object's file.
const MAGIC: &[u8; 8] = b"sterna-1";

/// Longer file names are replaced by a hash; most file systems take 255 bytes.
const NAME_LIMIT: usize = 200;

/// The longest description that is trusted.
const META_LIMIT: u64 = 1 << 20;

/// The description of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Format of this description.
    pub v: u8,
    /// The object's key, whatever its file is called.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Entity tag without quotes: half of the SHA-256 in hex, or of the parts' with their number.
    pub etag: String,
    /// Unix milliseconds of the put.
    pub modified_ms: u64,
    /// SHA-256 of the bytes in base64; none for objects made of parts.
    pub sha256: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// Own metadata.
    pub metadata: BTreeMap<String, String>,
}

/// Writes the description behind the object's bytes and syncs the file.
pub(super) fn seal(file: &mut File, meta: &Meta) -> io::Result<()> {
    let json = serde_json::to_vec(meta)?;
    let length = u32::try_from(json.len()).map_err(io::Error::other)?;
    file.seek(SeekFrom::Start(meta.size))?;
    file.write_all(&json)?;
    file.write_all(&length.to_le_bytes())?;
    file.write_all(MAGIC)?;
    file.sync_all()
}

/// Reads the description of an object's file and leaves the file at the object's first byte.
pub(super) fn unseal(file: &mut File) -> io::Result<Meta> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let end = file.seek(SeekFrom::End(0))?;
    let tail = end
        .checked_sub(12)
        .ok_or_else(|| bad("the file is too short"))?;
    file.seek(SeekFrom::Start(tail))?;
    let mut last = [0; 12];
    file.read_exact(&mut last)?;
    let (length, magic) = last.split_at(4);
    if magic != MAGIC {
        return Err(bad("the file does not end as an object does"));
    }
    let mut number = [0; 4];
    number.copy_from_slice(length);
    let length = u64::from(u32::from_le_bytes(number));
    let start = tail
        .checked_sub(length)
        .filter(|_| length <= META_LIMIT)
        .ok_or_else(|| bad("the description is too long"))?;
    file.seek(SeekFrom::Start(start))?;
    let mut json = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact(&mut json)?;
    let meta: Meta = serde_json::from_slice(&json)?;
    if meta.size != start {
        return Err(bad("the size does not agree with the description"));
    }
    file.rewind()?;
    Ok(meta)
}

/// Makes renames in a folder last.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The file name of a key: readable where it can be, different for different keys.
pub(super) fn name_of(key: &str) -> String {
    let mut name = String::with_capacity(key.len());
    for (at, byte) in key.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"-_=+,@".contains(&byte);
        if plain || (byte == b'.' && at > 0) {
            name.push(char::from(byte));
        } else {
            write!(name, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    if name.len() <= NAME_LIMIT {
        return name;
    }
    // `%%` never comes from a key, so a hashed name cannot meet a plain one.
    format!(
        "%%{}",
        Base16Lower.encode(digest(&SHA256, key.as_bytes()).as_ref())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_differ_have_names_that_differ() {
        let long = "x".repeat(1000);
        let longer = "x".repeat(1001);
        let keys = [
            "a/b", "/a/b", "a%2Fb", "a//b", ".a", "..", ".", "ä", &long, &longer,
        ];
        let names: std::collections::BTreeSet<_> = keys.iter().map(|key| name_of(key)).collect();
        assert_eq!(names.len(), keys.len());
        assert!(
            names
                .iter()
                .all(|name| name.len() <= 255 && !name.contains('/'))
        );
        assert!(!names.contains("..") && !names.contains("."));
    }

    #[test]
    fn a_cut_file_is_not_an_object() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"hello").unwrap();
        let meta = Meta {
            v: 1,
            key: "k".to_owned(),
            size: 5,
            etag: "e".to_owned(),
            modified_ms: 1,
            sha256: None,
            content_type: None,
            metadata: BTreeMap::new(),
        };
        seal(&mut file, &meta).unwrap();
        assert_eq!(unseal(&mut file).unwrap(), meta);
        let length = file.metadata().unwrap().len();
        for cut in 0..length {
            file.set_len(cut).unwrap();
            assert!(unseal(&mut file).is_err(), "cut to {cut} of {length}");
        }
    }
}
