//! The text that a UCAN signature covers (protocol: ucan §2).
