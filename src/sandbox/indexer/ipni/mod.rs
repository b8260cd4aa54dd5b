//! The stand-in for IPNI: adverts on their way, what it has, the publisher that feeds it (docs/protocol/ipni.md).

mod advert;
mod find;
mod publisher;

pub(crate) use publisher::publisher;
pub(super) use {advert::found, find::answer};

pub use advert::Advert;
