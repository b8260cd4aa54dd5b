//! Filter, weigh and distribute work over instances; pure.
