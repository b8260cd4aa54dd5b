//! Keys, delegations, messages, decisions.

mod blob_add;
mod conversation;
mod delegations;
mod delegations_bytes;
mod gateway;
mod keys;
mod messages;
mod mutations;
mod principals;
mod tool_trace;
mod ucan_decode;
mod validation;
