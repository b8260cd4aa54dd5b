//! What may be done to what.

use std::collections::BTreeMap;

use ipld_core::ipld::Ipld;

use super::UcanError;

/// Caveats of a capability, or the values of a fact.
pub type Caveats = BTreeMap<String, Ipld>;

/// An ability on a resource, perhaps with caveats.
#[derive(Debug, Clone, PartialEq)]
pub struct Capability {
    /// The ability: `*`, or words with `/` between them.
    pub can: String,
    /// The resource: a URI, such as a DID or `ucan:*`.
    pub with: String,
    /// The caveats, a map. `None` and an empty map are different bytes.
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

    /// Reads the map of a UCAN block.
    pub(super) fn from_ipld(value: Ipld) -> Result<Self, UcanError> {
        let Ipld::Map(mut fields) = value else {
            return Err(UcanError::Field("att holds something that is not a map"));
        };
        let mut text = |name| match fields.remove(name) {
            Some(Ipld::String(text)) => Ok(text),
            _ => Err(UcanError::Field("a capability lacks can or with")),
        };
        let (can, with) = (text("can")?, text("with")?);
        let capability = Self {
            can,
            with,
            nb: fields.remove("nb"),
        };
        capability.check()?;
        Ok(capability)
    }

    /// The map of a UCAN block.
    pub(super) fn to_ipld(&self) -> Ipld {
        let mut fields = Caveats::new();
        fields.insert("can".into(), self.can.clone().into());
        fields.insert("with".into(), self.with.clone().into());
        if let Some(nb) = &self.nb {
            fields.insert("nb".into(), nb.clone());
        }
        Ipld::Map(fields)
    }

    /// Refuses abilities without a `/` in their middle and resources without a scheme.
    pub(super) fn check(&self) -> Result<(), UcanError> {
        let letters = self.can.as_bytes();
        let inner = letters
            .get(1..letters.len().saturating_sub(1))
            .unwrap_or_default();
        if self.can != "*" && !inner.contains(&b'/') {
            return Err(UcanError::Capability(self.can.chars().take(80).collect()));
        }
        let scheme = self
            .with
            .split_once(':')
            .map(|(scheme, _)| scheme)
            .unwrap_or_default();
        let starts = scheme.starts_with(|letter: char| letter.is_ascii_alphabetic());
        if !starts
            || !scheme
                .bytes()
                .all(|letter| letter.is_ascii_alphanumeric() || b"+-.".contains(&letter))
        {
            return Err(UcanError::Capability(self.with.chars().take(80).collect()));
        }
        Ok(())
    }
}
