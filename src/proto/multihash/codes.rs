//! The numbers of the multicodec table that this program knows by name.

/// Codecs of content identifiers.
pub mod codec {
    /// Plain bytes.
    pub const RAW: u64 = 0x55;
    /// `UnixFS` nodes.
    pub const DAG_PB: u64 = 0x70;
    /// DAG-CBOR.
    pub const DAG_CBOR: u64 = 0x71;
    /// A whole CAR: shards and index archives.
    pub const CAR: u64 = 0x0202;
}

/// Hash code of the identity "hash": the digest is the data.
pub const IDENTITY: u64 = 0x00;
/// Hash code of SHA2-256.
pub const SHA2_256: u64 = 0x12;
/// Hash code of SHA2-512.
pub const SHA2_512: u64 = 0x13;
