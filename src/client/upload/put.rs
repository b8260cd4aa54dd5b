//! Sending the bytes of a blob to the storage node.

use bytes::Bytes;
use reqwest::Method;

use super::UploadClient;
use super::effects::Address;
use crate::client::http;
use crate::client::{Dependency, Error};

const PUT: &str = "send a blob";

impl UploadClient {
    /// Puts the bytes where the node wants them, with the headers that it asked for.
    pub(super) async fn put(&self, address: &Address, bytes: &Bytes) -> Result<(), Error> {
        let attempt = || async {
            let mut put = self.http.request(Method::PUT, address.url.clone());
            for (name, value) in &address.headers {
                put = put.header(name, value);
            }
            http::check(self.http.send(put.body(bytes.clone())).await?).await?;
            Ok(())
        };
        let deadline = self.calls.limits().call * 4;
        self.calls
            .run_within(deadline, Dependency::StorageNode, PUT, attempt)
            .await
    }
}
