//! Who the services are: their keys, and the DID documents that name them.

pub(super) mod did_documents;
mod keys;

pub(super) use keys::{CLAIMS_DID, GATEWAY_DID, INDEXER_DID, NODE_DID, UPLOAD_DID};

pub use keys::{Keys, derive};
