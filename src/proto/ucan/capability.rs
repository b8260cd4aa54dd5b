//! What may be done to what.

use std::collections::BTreeMap;

use ipld_core::ipld::Ipld;

/// Caveats of a capability, or the values of a fact.
pub type Caveats = BTreeMap<String, Ipld>;

/// An ability on a resource, perhaps with caveats.
#[derive(Debug, Clone, PartialEq)]
pub struct Capability {
    /// The ability: `*`, or words with `/` between them.
    pub can: String,
    /// The resource: a URI, such as a DID or `ucan:*`.
    pub with: String,
    /// The caveats. `None` and an empty map are different bytes.
    pub nb: Option<Ipld>,
}

impl Capability {
    /// An ability on a resource, without caveats.
    #[must_use]
    pub fn new(can: impl Into<String>, with: impl Into<String>) -> Self {
        Self {
            can: can.into(),
            with: with.into(),
            nb: None,
        }
    }

    /// Sets the caveats (a map).
    #[must_use]
    pub fn nb(mut self, nb: Ipld) -> Self {
        self.nb = Some(nb);
        self
    }

    /// Sets one caveat and keeps the others.
    #[must_use]
    pub fn caveat(mut self, name: impl Into<String>, value: impl Into<Ipld>) -> Self {
        let mut caveats = match self.nb.take() {
            Some(Ipld::Map(caveats)) => caveats,
            _ => Caveats::new(),
        };
        caveats.insert(name.into(), value.into());
        self.nb = Some(Ipld::Map(caveats));
        self
    }

    /// The value of a caveat.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Ipld> {
        match &self.nb {
            Some(Ipld::Map(caveats)) => caveats.get(name),
            _ => None,
        }
    }
}
