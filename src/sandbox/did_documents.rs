//! DID documents of the services.
