//! `blobs`: a verified copy between storage backends, then one flip.

mod args;
mod run;
mod text;

pub(in crate::cli) use args::BlobsCommand;
pub(in crate::cli) use run::run;
