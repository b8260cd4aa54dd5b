//! What asks the carpark.

use super::Addresses;
use crate::client::calls::Calls;
use crate::client::http::Http;

/// Reads the carpark over its public URL. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CarparkClient {
    pub(super) http: Http,
    pub(super) calls: Calls,
    addresses: Addresses,
}

impl CarparkClient {
    pub(crate) fn new(http: Http, calls: Calls, addresses: Addresses) -> Self {
        Self {
            http,
            calls,
            addresses,
        }
    }

    /// The addresses in use.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }
}
