//! What is tried again: all that one cause of a unit keeps back, and what somebody names.

mod failed;
mod kept_back;
mod named;
