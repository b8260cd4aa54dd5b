//! The outside services: a folder per service, a file per operation.
