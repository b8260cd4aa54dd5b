//! Private keys in files.

use std::path::Path;

use zeroize::Zeroizing;

use super::input;
use super::trust::{Named, User};
use crate::config::fault::{Fault, Faults};
use crate::proto::key::Signer;

/// The largest key file that is read, in bytes.
const MAX_BYTES: u64 = 4096;

/// Reads the `M…` text of a key; a file that everybody may read, or that a stranger owns, is refused.
///
/// # Errors
/// What is wrong with the file; never its content.
pub fn read_key_file(path: &Path) -> Result<Signer, Faults> {
    read(path).map_err(|(problem, remedy)| {
        Faults::from(Fault {
            name: "--key-file".into(),
            origin: Some(path.display().to_string()),
            problem,
            remedy,
        })
    })
}

fn read(path: &Path) -> Result<Signer, (String, String)> {
    let unreadable = |error: std::io::Error| {
        (
            format!("cannot be read: {error}"),
            "name a file that holds a private key".to_owned(),
        )
    };
    let (bytes, found) = input::read_with(path, MAX_BYTES).map_err(unreadable)?;
    let text = Zeroizing::new(String::from_utf8(bytes).unwrap_or_default());
    if let Some(wrong) = User::of_process(None).distrusts(path, &found, (Named::ByFlag, true)) {
        return Err(wrong);
    }
    Signer::parse(text.trim()).map_err(|error| {
        (
            format!("holds no private key: {error}"),
            "write the whole `M…` text of an ed25519 key into it".into(),
        )
    })
}
