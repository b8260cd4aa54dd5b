//! The words on the wire, pure.
