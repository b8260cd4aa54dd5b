//! The engine under a small second migration, with paused time and a store without sockets.

mod calls;
mod copy;
mod failing;
mod faulty;
mod judging;
mod leasing;
mod limited;
mod resuming;
mod rolling;
mod running;
mod simulation;
mod stealing;
mod taking_over;
mod world;
