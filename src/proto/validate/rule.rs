//! What a service accepts as one of its abilities.

use crate::proto::ucan::{Capability, Caveats};

/// Compares a claimed capability with a delegated one; the error says what the claim exceeds.
pub type Derives = fn(claimed: &Capability, delegated: &Capability) -> Result<(), String>;

/// An ability with the checks of its resource, its caveats, and of what derives from what.
#[derive(Clone, Copy)]
pub struct Rule {
    /// The ability, without wildcard unless its name is one (`space/content/serve/*`).
    pub can: &'static str,
    /// Accepts a resource, or says why not.
    pub with: fn(&str) -> Result<(), String>,
    /// Accepts caveats, or says why not.
    pub nb: fn(&Caveats) -> Result<(), String>,
    /// Compares claim and delegation.
    pub derives: Derives,
}

impl Rule {
    /// A rule for an ability on any DID, any caveats, equal caveats by value ([`derives_equal`]).
    #[must_use]
    pub const fn new(can: &'static str) -> Self {
        let _ = can;
        todo!()
    }

    /// Sets the check of the resource.
    #[must_use]
    pub const fn with(mut self, with: fn(&str) -> Result<(), String>) -> Self {
        self.with = with;
        self
    }

    /// Sets the check of the caveats.
    #[must_use]
    pub const fn nb(mut self, nb: fn(&Caveats) -> Result<(), String>) -> Self {
        self.nb = nb;
        self
    }

    /// Sets the comparison.
    #[must_use]
    pub const fn derives(mut self, derives: Derives) -> Self {
        self.derives = derives;
        self
    }
}

/// The resource must be equal, or the delegated one a prefix that ends in `*`. Caveats are not compared.
pub fn derives_with(claimed: &Capability, delegated: &Capability) -> Result<(), String> {
    let _ = (claimed, delegated);
    todo!()
}

/// [`derives_with`], and every delegated caveat must be claimed with an equal value.
pub fn derives_equal(claimed: &Capability, delegated: &Capability) -> Result<(), String> {
    let _ = (claimed, delegated);
    todo!()
}

/// [`derives_equal`] as the JavaScript validator does by default: links, bytes, lists and maps are never equal.
pub fn derives_js(claimed: &Capability, delegated: &Capability) -> Result<(), String> {
    let _ = (claimed, delegated);
    todo!()
}
