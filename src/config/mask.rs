//! Secrets that stand where none belongs: a password in an address, a key pasted over the wrong name.
//!
//! What is shown of settings, and what is said of wrong ones, goes through here. It looks at the shape alone, so it may
//! hide too much; ids that are public by their kind (DIDs, CIDs, peer ids) stay.

use std::borrow::Cow;

/// What stands in the place of a secret.
const MASK: &str = "***";

/// Letters of a word that are enough for a key.
const LONG: usize = 32;

/// Parameters of an address that carry what it takes to be let in.
const PARAMETERS: &[&str] = &[
    "secret",
    "password",
    "passwd",
    "token",
    "signature",
    "sig",
    "key",
    "credential",
    "auth",
];

/// A text with its secrets masked.
pub(super) fn masked(text: &str) -> Cow<'_, str> {
    let mut shown = String::with_capacity(text.len());
    for word in text.split_inclusive(is_between) {
        let end = word.trim_end_matches(is_between).len();
        shown.push_str(&of_word(&word[..end]));
        shown.push_str(&word[end..]);
    }
    if shown == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(shown)
    }
}

/// What parts the words of a sentence, and the items of a list.
fn is_between(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '`' | '\'' | '"' | ',' | ';' | '(' | ')' | '<' | '>')
}

fn of_word(word: &str) -> String {
    let word = without_login(word);
    let parts = word.split_inclusive(['?', '&', '#']);
    parts.map(of_part).collect()
}

/// `https://user:password@host/` without who and how; `user:password@host` too.
fn without_login(word: &str) -> String {
    let (scheme, rest) = match word.find("://") {
        Some(at) => word.split_at(at + 3),
        None => ("", word),
    };
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    if word.starts_with("did:") {
        return word.to_owned();
    }
    // A password may hold any letter, also one that ends the host: then the last @ of the word counts.
    let at = match rest[..host_end].rfind('@') {
        Some(at) => Some(at),
        None if rest[..host_end].contains(':') => rest.rfind('@'),
        None => None,
    };
    match at {
        Some(at) if !scheme.is_empty() || rest[..at].contains(':') => {
            format!("{scheme}{MASK}{}", &rest[at..])
        }
        _ => word.to_owned(),
    }
}

/// A word, or a parameter of an address with what ends it.
fn of_part(part: &str) -> String {
    let body = part.trim_end_matches(['?', '&', '#']);
    let end = &part[body.len()..];
    if let Some((name, value)) = body.split_once('=')
        && !value.is_empty()
        && is_telling(name)
    {
        return format!("{name}={MASK}{end}");
    }
    if is_key(body) {
        return format!("{MASK}{end}");
    }
    let parts = body.split_inclusive([':', '.', '@']);
    parts.map(of_path).chain([end.to_owned()]).collect()
}

/// A piece of a word with what ends it: a key, which may hold slashes, or a path of which one folder is called like a
/// key.
fn of_path(piece: &str) -> String {
    let text = piece.trim_end_matches([':', '.', '@']);
    let end = &piece[text.len()..];
    if is_key(text) {
        return format!("{MASK}{end}");
    }
    let folders = piece.split_inclusive('/');
    let folders = folders.map(|folder| {
        let text = folder.trim_end_matches(['/', ':', '.', '@']);
        if is_key(text) {
            format!("{MASK}{}", &folder[text.len()..])
        } else {
            folder.to_owned()
        }
    });
    folders.collect()
}

/// Whether a parameter says by its name that it is a secret.
fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let mut words = name.split(['-', '_', '.']);
    words.any(|word| PARAMETERS.contains(&word))
}

/// Whether a word is shaped like a key: base64 of a key's size and no public id, or hexadecimal digits of 32 bytes.
fn is_key(word: &str) -> bool {
    let digits = word.trim_end_matches('=');
    let is_base64 = |letter: u8| letter.is_ascii_alphanumeric() || b"+/-_".contains(&letter);
    if digits.len() < LONG || !digits.bytes().all(is_base64) || is_public(digits) {
        return false;
    }
    if digits.bytes().all(|letter| letter.is_ascii_hexdigit()) {
        return digits.len() >= 64;
    }
    // A path is no key, though it is written with the same letters: keys with slashes have sizes of their own.
    let is_path = word.contains('/') && !matches!(digits.len(), 40 | 43 | 64..)
        || word.starts_with('/')
        || (word.contains('/') && word.contains(['-', '_']));
    let has = |kind: fn(&u8) -> bool| digits.bytes().any(|letter| kind(&letter));
    !is_path
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
}

/// Whether a word is an id that everybody may know: of a key's public half, of content, of a peer.
fn is_public(word: &str) -> bool {
    let base58 = |word: &str| word.bytes().all(|letter| letter.is_ascii_alphanumeric());
    match word.len() {
        46 => word.starts_with("Qm") && base58(word),
        48 => word.starts_with("z6Mk") && base58(word),
        49 => word.starts_with("zb2rh") && base58(word),
        52 => word.starts_with("12D3KooW") && base58(word),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::key::Signer;

    #[test]
    fn logins_and_signatures_of_addresses_are_hidden() {
        for (text, shown) in [
            ("https://ann:pass@host/x", "https://***@host/x"),
            ("https://token@host", "https://***@host"),
            (
                "`https://ann:p/w@host/x` is no URL",
                "`https://***@host/x` is no URL",
            ),
            ("ann:pass@host", "***@host"),
            (
                "https://h/q?X-Amz-Signature=abc&X-Amz-Date=1#t",
                "https://h/q?X-Amz-Signature=***&X-Amz-Date=1#t",
            ),
            ("https://h/?api_key=1&b=2", "https://h/?api_key=***&b=2"),
            ("http://a:1@h,http://b:2@h", "http://***@h,http://***@h"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }

    #[test]
    fn keys_are_hidden_wherever_they_stand() {
        let key = Signer::generate().to_secret_text();
        let sealing = "GmzZKK3H9Rw5Qn0wXkR3mC0bW2p8nQn5mM5vV3c2o1E=";
        let aws = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        for secret in [key.as_str(), sealing, aws, hex] {
            for text in [
                secret.to_owned(),
                format!("`{secret}` is not a DID: it does not begin with did:"),
                format!("did:key:{secret}"),
                format!("a,{secret},b"),
            ] {
                assert!(!masked(&text).contains(secret), "{text}");
                assert!(masked(&text).contains(MASK), "{text}");
            }
        }
        assert_eq!(
            masked(&format!("https://host/{sealing}")),
            "https://host/***"
        );
    }

    #[test]
    fn what_is_public_stays_as_it_is() {
        for text in [
            "did:key:z6MkqdncRZ1wj8zxCTDUQ8CRT8NQWd63T7mZRvZUX8B7XDFi",
            "did:mailto:gmail.com:ann@work",
            "did:web:up.storacha.network",
            "12D3KooWPMQTKSMA3eFUxc23gBfMHEgzfk7W1TBezKNsBwPMRLQ7",
            "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
            "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
            "https://sqs.us-west-2.amazonaws.com/505595374361/store-protocol-staging-storage-ipni-publisher.fifo",
            "https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com",
            "/srv/Sterna-2026/Migration-State/of/Instance-1/local/sandbox.env",
            "AKIAIOSFODNN7EXAMPLE",
            "http://[::1]:8080/a",
            "write a whole address, such as https://up.storacha.network",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
