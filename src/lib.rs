//! Sterna, a distributed migration runner for operators of the Storacha content network.
//!
//! One engine carries several content migrations. An operator shards customers into one
//! file per instance, starts a process on every instance, and each process runs many
//! workers; progress is in DynamoDB and in local checkpoints, so that any process may die
//! at any moment and lose nothing.
//!
//! # The flow
//!
//! `Args → Config → Plan → Unit → Item → Effect → Event → Snapshot`, one way. Each noun is
//! plain data, made by one room and only read after it.
//!
//! - A **unit** is what one instance leases and checkpoints (for uploads: a space).
//! - An **item** is what is stepped (an upload). The items of a unit have a stable order.
//! - A **step** makes one effect on an item, or on a unit (gateway authorisation).
//! - An **effect** is what a step changed in the world, as data.
//! - An **event** is a fact about the run; a **snapshot** is the fold of events and state
//!   that every display shows.
//!
//! One path serves the first run, a resumed one, the audit and the rollback:
//! probe → record → apply → record → probe. There is no recovery mode: resuming is a run
//! that meets steps already done, and a rollback walks the journal backwards the same way.
//!
//! # The rooms
//!
//! A room imports only what its row names; `tests/house` reads the sources and keeps it so.
//!
//! | room | owns | may import |
//! |---|---|---|
//! | [`proto`] | the words on the wire, pure | – |
//! | [`runtime`] | time and tasks, without a domain word | – |
//! | [`aws`] | what an error of an AWS service means | runtime |
//! | [`model`] | the words of a run, pure: ids, unit, item, effect, event, failure, counts | proto |
//! | [`plan`] | weigh and distribute over instances, pure | model |
//! | [`client`] | the outside services, a folder each, a file per operation | proto, runtime, aws, model |
//! | [`state`] | what survives a crash: tables, checkpoint files, journal | model, runtime, aws |
//! | [`engine`] | the generic runner and the traits `Migration` and `Step` | model, runtime, state |
//! | [`migrations`] | items, gaps (pure), steps and own rows of each migration | proto, runtime, model, client, state, engine |
//! | [`monitor`] | the snapshot and its faces, read only | model, runtime, state |
//! | `sandbox` | a local network on loopback that speaks the real wire | proto, runtime |
//! | [`config`] | the one reader of flags, environment and files; opens nothing | proto, runtime, model, plan, client, state, engine, migrations |
//! | [`app`] | the one composition root: config → parts; spawn; drain | all but aws and cli |
//! | [`cli`] | one short file per command: arguments, run, exit code | config, app, model, monitor |
//!
//! `sandbox` is a default cargo feature, so that a production build can leave it out. It never
//! imports `client`: both sides agree with the protocol and not with each other.
//!
//! # Where a change belongs
//!
//! A new field on the wire: `proto`, with a vector. A new call to a service: one file in that
//! service's folder of `client`. A new effect on uploads: one file in
//! `migrations::uploads`, and its gap in the pure decision beside it. A new thing to keep
//! over a crash: one table, one file in `state`. A new way to look at a run: a face in `monitor`.

pub mod app;
pub mod aws;
pub mod cli;
pub mod client;
pub mod config;
pub mod engine;
pub mod migrations;
pub mod model;
pub mod monitor;
pub mod plan;
pub mod proto;
pub mod runtime;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod state;
