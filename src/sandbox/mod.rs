//! A local network on loopback that speaks the real wire protocols.
