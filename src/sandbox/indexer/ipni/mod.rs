//! The stand-in for IPNI: adverts on their way, what it has, the publisher that feeds it (protocol: ipni).

mod advert;
mod find;
mod publisher;

pub(crate) use publisher::publisher;
pub(super) use {advert::found, find::answer};

pub use advert::Advert;
