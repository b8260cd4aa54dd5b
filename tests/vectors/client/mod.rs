//! Messages that our clients make, against those that the other tool made.

mod gateway;
