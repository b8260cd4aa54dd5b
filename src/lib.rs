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
//! One path serves the first run, a resumed one, a retry, the audit and the rollback:
//! probe → record → apply → record → probe. There is no recovery mode: resuming is a run
//! that finds steps already done, and a rollback walks the journal backwards the same way.
//!
//! # The path of one upload
//!
//! | | file | function | what happens |
//! |---|---|---|---|
//! | 1 | `app/session/run.rs` | `Session::run` | locks the instance and starts the engine; `Session::connect` came before |
//! | 2 | `engine/run/start.rs` | `run` | opens the local files, starts what goes on beside, schedules the job |
//! | 3 | `engine/run/units.rs` | `all` | the one loop over many units, some at once |
//! | 4 | `engine/unit/claim.rs` | `claim` | asks for the lease: a `ClaimRequest` becomes a `LeasedUnit` |
//! | 5 | `engine/listing.rs` | `Listing::next` | gives the next item, and goes on where a listing broke off |
//! | 6 | `engine/unit/pass.rs` | `settle_item` | settles the item in a task of its own, which `begin` admitted |
//! | 7 | `engine/item/settle.rs` | `settle` | makes whole attempts with backoff, until the outcome is final |
//! | 8 | `engine/item/attempt.rs` | `attempt` | probe, record, apply, record, probe until it is visible |
//! | 9 | `migrations/uploads/migration.rs` | `probe` | reads what is there: index, claims, shards, gateway |
//! | 10 | `migrations/uploads/steps` | `gaps`, `apply` | decides what is missing (pure, with `decide`), makes the one effect that closes it |
//! | 11 | `engine/unit/leased.rs` | `LeasedUnit::end` | writes failure row, cursor, result line and event |
//! | 12 | `engine/unit/finish.rs` | `finish` | writes the unit's row and releases the lease; then the owner is summed up |
//!
//! The lease is renewed by `LeasedUnit::renew_until_lost` (`engine/unit/leased.rs`); every write
//! of its row goes through `LeaseGuard` (`engine/lease.rs`). A retry takes stations 4 and 6 to 10,
//! and writes failure rows, then counters (`engine/run/items/again.rs`); attempts and their backoff are counted in
//! `engine/attempts.rs`; an audit takes 9 and the gaps of 10,
//! and judges (`engine/audit`); a rollback walks the journals (`engine/rollback`).
//!
//! # Glossary
//!
//! One word per layer: an upload is an item, a space is a unit, a customer is an owner.
//!
//! | word | meaning |
//! |---|---|
//! | migration | what is run: items, how they are probed, and the steps that put them right |
//! | owner | whose units they are; uploads: customer |
//! | unit | what one instance leases and checkpoints; uploads: space |
//! | item | what is stepped, in a stable order within its unit; uploads: upload |
//! | probe | one reading of the world about an item or a unit; changes nothing |
//! | observation | what a probe showed |
//! | gap | one thing a step found missing or wrong |
//! | step | what closes gaps of one kind, with one effect for each |
//! | effect | what a step changed in the world, as data; enough to prove, count and undo it |
//! | residue | what stays in the world after an undo, in words |
//! | undo | taking an effect out of the world; a rollback undoes what the journals name |
//! | pass | one listing of a unit from its first item to its last |
//! | settle | to give an item its final outcome: migrated, found, skipped, failed, quarantined, unknown; counted by `model::Counts`, and shown as the sum of the progress rows |
//! | quarantined | failed for a permanent reason; the run goes on without it |
//! | cursor | the last item below which every item of the pass is settled |
//! | checkpoint | cursor and settled items above it, in the row and in a local file |
//! | journal | the local append-only file of effects: intended, applied, undone |
//! | lease | the right of one holder to write for one unit or part |
//! | lease holder | an instance number and the id of its state folder |
//! | epoch | the number of a lease of a unit; grows with every grant |
//! | fenced write | a write that is refused unless the lease has still its epoch |
//! | split unit | a large unit whose items several instances share |
//! | part, range | one leased piece of a split unit, and the items from one to another that it holds |
//! | admission control | how many items may be in flight, and how many begin a minute |
//! | in flight | begun and not settled |
//! | circuit breaker | stops calls to a service that is down until it answers again |
//! | congestion window | how many calls a service bears at once, found by trying |
//! | pacing | an even spread of new work over time |
//! | drain, abort | end after what is in flight is settled; end now |
//! | control command | pause, resume, drain or limits, set by the operator and kept over restarts |
//! | session | a connected command: store, migration, tasks, clock |
//! | error kinds | transient (retry), permanent (quarantine), unknown (probe), fatal (stop) |
//!
//! # The rooms
//!
//! A room imports only what its row names, and `time`; `tests/house` reads the sources and keeps it so.
//!
//! | room | owns | may import |
//! |---|---|---|
//! | [`time`] | the type of a point in wall time, pure | – |
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
//! | [`cli`] | one short file per command: arguments, run, exit code | proto, config, app, model, monitor |
//!
//! `sandbox` is a default cargo feature, so that a production build can leave it out. It never
//! imports `client`: both sides agree with the protocol and not with each other.
//!
//! # Where a change belongs
//!
//! - A new **field on the wire**: `proto`, with a vector. A new **call** to a service: one file in
//!   that service's folder of `client`.
//! - A new **step** on uploads: one file in `migrations/uploads/steps` with its name and words, its
//!   gaps there or in the pure decision (`migrations/uploads/decide`), and its lines in `mod.rs` and
//!   `all.rs` beside it. `--only`, help, order and reports follow from these.
//! - A new **migration**: `migrations/X` (items, steps, reasons, vocabulary), a `Workload` in
//!   `app/X`, its commands in `cli/commands`; `tests/uploads/beside.rs` is a whole small one.
//! - A new **backend for blobs**: one folder in `client/blobs` and one entry in `client/blobs/url.rs`, held to the suite in
//!   `tests/blobs/backends.rs`.
//! - A new **store of rows**: one file in `state/rows` over the trait `Rows`, its name in `state/config.rs`, its line in
//!   `state/store.rs`, and one in `tests/state/place.rs`, whose suite it is held to.
//! - A new thing to **keep over a crash**: one table, one file in `state/tables`; rows of one
//!   migration alone go to `migrations/X/rows`.
//! - A new **face** (a form of `--output`): one file in `monitor/faces` with its `FACE`, and its line in `FACES`. The
//!   command line takes its name from there, and every answer of the monitor goes through it.
//! - A new **answer** of the monitor: a variant of `Ask` and of `View`, with neutral names of fields; JSON gets the words
//!   of the migration from its vocabulary.

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
pub mod time;
