//! Private keys in files.

use std::fs;
use std::path::Path;

use crate::config::fault::{Fault, Faults};
use crate::proto::key::Signer;

/// The largest key file that is read, in bytes.
const MAX_BYTES: u64 = 4096;

/// Reads the `M…` text of a key; a file that everybody may read is refused.
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
    let found = fs::metadata(path).map_err(unreadable)?;
    if is_open_to_all(&found) {
        return Err((
            "can be read by everybody".into(),
            format!(
                "run `chmod 600 {}`; if others had access, make a new key",
                path.display()
            ),
        ));
    }
    let text = if found.len() > MAX_BYTES {
        String::new()
    } else {
        fs::read_to_string(path).map_err(unreadable)?
    };
    Signer::parse(text.trim()).map_err(|error| {
        (
            format!("holds no private key: {error}"),
            "write the whole `M…` text of an ed25519 key into it".into(),
        )
    })
}

#[cfg(unix)]
fn is_open_to_all(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o007 != 0
}

#[cfg(not(unix))]
fn is_open_to_all(_: &fs::Metadata) -> bool {
    false
}
