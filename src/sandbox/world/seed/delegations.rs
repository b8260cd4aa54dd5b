//! What a space delegated to its account, to devices and to gateways, as the clients of the time made it.

use std::collections::BTreeMap;

use ipld_core::ipld::Ipld;

use super::SeedError;
use crate::proto::did::Did;
use crate::proto::key::Signer;
use crate::proto::ucan::{Capability, Delegation, Draft, Expiration, Fact};
use crate::sandbox::identity::derive;
use crate::sandbox::world::plan::{AccountDelegation, Plan};

/// Every this many spaces, a device's delegation lies beside the account's.
const DEVICE_EVERY: usize = 3;
/// Unix seconds at which old delegations to devices ended.
const LONG_OVER: u64 = 1_714_521_600;
/// A gateway of somebody else.
const OTHER_GATEWAY: &str = "did:web:gateway.example.org";
/// What a device shares a space with.
const SHARED: [&str; 6] = [
    "space/*",
    "store/*",
    "upload/*",
    "access/*",
    "usage/*",
    "filecoin/*",
];

/// The delegations of a space.
pub(super) struct Given {
    /// By which its account may act for it.
    pub to_account: Option<Delegation>,
    /// All others.
    pub beside: Vec<Delegation>,
}

/// Makes what the plan says for the space with this index.
pub(super) fn given(
    plan: &Plan,
    index: usize,
    space: &Signer,
    customer: &Did,
) -> Result<Given, SeedError> {
    let device = Signer::from_seed(derive(plan.seed, &format!("agent {index}")));
    let mut given = Given {
        to_account: None,
        beside: Vec::new(),
    };
    match plan.spaces[index].delegation {
        AccountDelegation::Absent => {}
        AccountDelegation::Present => given.to_account = Some(everything(space, customer).sign()?),
        AccountDelegation::ByDevice => given.share(space, &device, customer, Expiration::Never)?,
        AccountDelegation::ByDeviceExpired => {
            given.share(space, &device, customer, Expiration::At(LONG_OVER))?;
        }
        AccountDelegation::Private => {
            let private = everything(space, customer).fact(private());
            given.to_account = Some(private.sign()?);
        }
        AccountDelegation::ServedElsewhere => {
            given.to_account = Some(everything(space, customer).sign()?);
            let serve = Capability::new("space/content/serve/*", space.did().as_str());
            let other = Draft::new(space, &Did::parse(OTHER_GATEWAY)?).capability(serve);
            given.beside.push(other.sign()?);
        }
    }
    if index.is_multiple_of(DEVICE_EVERY) {
        given.beside.push(everything(space, device.did()).sign()?);
    }
    Ok(given)
}

impl Given {
    /// The space lets a device act, and the device the account.
    fn share(
        &mut self,
        space: &Signer,
        device: &Signer,
        customer: &Did,
        end: Expiration,
    ) -> Result<(), SeedError> {
        let to_device = everything(space, device.did()).expiration(end).sign()?;
        let mut shared = Draft::new(device, customer).proof(to_device.clone());
        for ability in SHARED {
            shared = shared.capability(Capability::new(ability, space.did().as_str()));
        }
        self.to_account = Some(shared.sign()?);
        self.beside.push(to_device);
        Ok(())
    }
}

/// Everything on the space, for ever, as a client delegates at the creation of a space.
fn everything<'a>(space: &'a Signer, audience: &Did) -> Draft<'a> {
    let everything = Capability::new("*", space.did().as_str());
    Draft::new(space, audience)
        .capability(everything)
        .expiration(Expiration::Never)
}

/// `{space: {name, access: {type: "private", encryption: {provider, algorithm}}}}`.
fn private() -> Fact {
    let text = |text: &str| Ipld::String(text.to_owned());
    let map = |fields: Vec<(&str, Ipld)>| {
        let fields = fields.into_iter();
        Ipld::Map(
            fields
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    };
    let encryption = map(vec![
        ("provider", text("google-kms")),
        ("algorithm", text("RSA_DECRYPT_OAEP_3072_SHA256")),
    ]);
    let access = map(vec![("type", text("private")), ("encryption", encryption)]);
    let space = map(vec![("name", text("diary")), ("access", access)]);
    BTreeMap::from([("space".to_owned(), space)])
}
