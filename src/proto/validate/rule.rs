//! What a service accepts as one of its abilities.

use ipld_core::ipld::Ipld;

use super::wording::js_text;
use crate::proto::Did;
use crate::proto::ucan::{Capability, Caveats};

/// How a claimed capability is compared with a delegated one.
#[derive(Clone, Copy)]
pub enum Derives {
    /// By a function; its error says what the claim exceeds. Caveats that the delegation lacks are those of the claim.
    By(fn(claimed: &Capability, delegated: &Capability) -> Result<(), String>),
    /// As the JavaScript validator does by default: [`derives_equal`], but links, bytes, lists and maps are objects
    /// there, and no two objects are equal, so that such caveats can not be delegated at all.
    JavaScript,
}

/// An ability with the checks of its resource, its caveats, and of what derives from what.
///
/// ```
/// use sterna::proto::validate::{Rule, derives_with};
/// const ADD: Rule = Rule::new("upload/add").derives(derives_with);
/// ```
#[derive(Clone, Copy)]
pub struct Rule {
    /// The ability, without wildcard unless its name is one (`space/content/serve/*`).
    pub can: &'static str,
    /// Accepts a resource, or says why not.
    pub with: fn(&str) -> Result<(), String>,
    /// Parses caveats: gives those that count, or says why they are none.
    pub nb: fn(Caveats) -> Result<Caveats, String>,
    /// Compares claim and delegation.
    pub derives: Derives,
}

impl Rule {
    /// A rule for an ability on any DID, with any caveats, compared by value ([`derives_equal`]).
    #[must_use]
    pub const fn new(can: &'static str) -> Self {
        Self {
            can,
            with: any_did,
            nb: any_caveats,
            derives: Derives::By(derives_equal),
        }
    }

    /// Sets the check of the resource.
    #[must_use]
    pub const fn with(mut self, with: fn(&str) -> Result<(), String>) -> Self {
        self.with = with;
        self
    }

    /// Sets the check of the caveats.
    #[must_use]
    pub const fn nb(mut self, nb: fn(Caveats) -> Result<Caveats, String>) -> Self {
        self.nb = nb;
        self
    }

    /// Sets the comparison.
    #[must_use]
    pub const fn derives(
        mut self,
        derives: fn(claimed: &Capability, delegated: &Capability) -> Result<(), String>,
    ) -> Self {
        self.derives = Derives::By(derives);
        self
    }

    /// Compares as the JavaScript validator does by default ([`Derives::JavaScript`]).
    #[must_use]
    pub const fn derives_as_javascript(mut self) -> Self {
        self.derives = Derives::JavaScript;
        self
    }
}

fn any_did(resource: &str) -> Result<(), String> {
    match Did::parse(resource) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("Expected a did: but got \"{resource}\" instead")),
    }
}

// The signature is that of `Rule::nb`.
#[expect(clippy::unnecessary_wraps, reason = "other rules refuse")]
fn any_caveats(caveats: Caveats) -> Result<Caveats, String> {
    Ok(caveats)
}

/// The resource must be equal, or the delegated one a prefix that ends in `*`. Caveats are not compared.
///
/// # Errors
/// The resource is not within the delegated one; in words.
pub fn derives_with(claimed: &Capability, delegated: &Capability) -> Result<(), String> {
    let (ours, theirs) = (&claimed.with, &delegated.with);
    match theirs.strip_suffix('*') {
        Some(prefix) if ours.starts_with(prefix) => Ok(()),
        Some(_) => Err(format!(
            "Resource {ours} does not match delegated {theirs} "
        )),
        None if ours == theirs => Ok(()),
        None => Err(format!("Resource {ours} is not contained by {theirs}")),
    }
}

/// [`derives_with`], and every delegated caveat must be claimed with an equal value.
///
/// # Errors
/// As [`derives_with`], or a delegated caveat is missing or has another value; in words.
pub fn derives_equal(claimed: &Capability, delegated: &Capability) -> Result<(), String> {
    derives_by(claimed, delegated, |_, ours, theirs| ours == theirs)
}

/// [`derives_equal`], but nothing equals an object. `own` are the caveats that the delegation itself states.
pub(super) fn derives_as_javascript(
    claimed: &Capability,
    delegated: &Capability,
    own: &Caveats,
) -> Result<(), String> {
    derives_by(claimed, delegated, |name, ours, theirs| {
        let object = matches!(
            theirs,
            Ipld::Link(_) | Ipld::Bytes(_) | Ipld::List(_) | Ipld::Map(_)
        );
        !(object && own.contains_key(name)) && ours == theirs
    })
}

fn derives_by(
    claimed: &Capability,
    delegated: &Capability,
    equal: impl Fn(&str, &Ipld, &Ipld) -> bool,
) -> Result<(), String> {
    derives_with(claimed, delegated)?;
    let Some(Ipld::Map(caveats)) = &delegated.nb else {
        return Ok(());
    };
    for (name, theirs) in caveats {
        let ours = claimed.get(name);
        if !ours.is_some_and(|ours| equal(name, ours, theirs)) {
            let ours = ours.map_or_else(|| "undefined".to_owned(), js_text);
            return Err(format!("{name}: {ours} violates {}", js_text(theirs)));
        }
    }
    Ok(())
}
