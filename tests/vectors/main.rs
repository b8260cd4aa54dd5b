//! Wire formats against the golden vectors.
