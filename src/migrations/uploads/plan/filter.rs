//! Naming customers as people do: whole DIDs, mail addresses, domains; `+` and `%2B` are the same.

use std::collections::BTreeSet;

/// Which customers take part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter(Option<String>);

impl Filter {
    /// Everyone.
    #[must_use]
    pub fn everyone() -> Self {
        Self(None)
    }

    /// Customers whose DID is `text`, or has it as a whole part between colons (a domain, a name), or `name@domain`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(
            Some(text.trim())
                .filter(|text| !text.is_empty())
                .map(normal),
        )
    }

    /// The filter as it is stored with the plan.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Whether the customer takes part.
    #[must_use]
    pub fn passes(&self, customer: &str) -> bool {
        let customer = normal(customer);
        self.0
            .as_ref()
            .is_none_or(|wanted| format!(":{customer}:").contains(&format!(":{wanted}:")))
    }
}

/// Customers that are left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkipList(BTreeSet<String>);

impl SkipList {
    /// Reads a JSON array of texts, or lines (`#` begins a comment). `None` if it looks like JSON and is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim_start().starts_with(['[', '{']) {
            let names: Vec<String> = serde_json::from_str(text).ok()?;
            return Some(Self(names.iter().map(|name| normal(name)).collect()));
        }
        let lines = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or("").trim());
        Some(Self(
            lines.filter(|line| !line.is_empty()).map(normal).collect(),
        ))
    }

    /// The names that fit none of these customers.
    #[must_use]
    pub fn unused(&self, customers: impl Iterator<Item = String>) -> Vec<String> {
        let mut left = self.0.clone();
        for customer in customers {
            left.remove(&normal(&customer));
        }
        left.into_iter().collect()
    }

    /// Whether the customer is on the list.
    #[must_use]
    pub fn names(&self, customer: &str) -> bool {
        self.0.contains(&normal(customer))
    }
}

/// One spelling for all: percent signs decoded, a mail address as `did:mailto:domain:name` without its head, DIDs of
/// other methods as they are (docs/protocol/pitfalls.md 79).
fn normal(text: &str) -> String {
    let text = decoded(text.trim());
    if let Some(rest) = text.strip_prefix("did:mailto:") {
        return rest.to_owned();
    }
    match text.rsplit_once('@') {
        Some((name, domain)) if !text.starts_with("did:") => format!("{domain}:{name}"),
        _ => text,
    }
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}
