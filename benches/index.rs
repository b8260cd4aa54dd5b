//! How near index building comes to the best SHA-256 rate of the machine.
//!
//! The same payload bytes are hashed block by block with aws-lc-rs alone (`sha256`), and as a CAR that is parsed,
//! hashed, checked and indexed in pieces of 1 MiB (`build`). The last lines print the ratio of the two rates, each
//! in processor time and in turn with the other, so that a busy machine does not count: `build/sha256 1 MiB: 0.97`.

#![expect(
    clippy::print_stdout,
    reason = "the ratio is what this benchmark is for"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use cid::Cid;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sterna::proto::car::{self, Limits};
use sterna::proto::index::{Name, Shard, ShardBuilder, Unverifiable};
use sterna::proto::multihash::{Multihash, codec};

/// Payload bytes of a shard.
const SHARD: usize = 32 << 20;
/// Bytes that come at once.
const PIECE: usize = 1 << 20;
/// Block sizes: what clients make of files, and the small nodes of directories.
const BLOCKS: [(&str, usize); 2] = [("1 MiB", 1 << 20), ("4 KiB", 4 << 10)];

/// Blocks of one size, and the CAR of them.
struct Input {
    data: Vec<u8>,
    car: Vec<u8>,
    name: Name,
    block: usize,
}

impl Input {
    fn new(block: usize) -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let data: Vec<u8> = (0..SHARD / 8)
            .flat_map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()
            })
            .collect();
        let cids: Vec<Cid> = data
            .chunks(block)
            .map(|block| {
                Multihash::sha256(block)
                    .cid(codec::RAW)
                    .expect("a digest of 32 bytes")
            })
            .collect();
        let car = car::write(&[], cids.iter().zip(data.chunks(block)));
        let name = Name::Known {
            hash: Multihash::sha256(&car),
            size: car.len() as u64,
        };
        Self {
            data,
            car,
            name,
            block,
        }
    }

    fn sha256(&self) {
        for block in self.data.chunks(self.block) {
            black_box(digest(&SHA256, block));
        }
    }

    fn build(&self) -> Shard {
        let mut builder =
            ShardBuilder::new(self.name.clone(), Limits::default(), Unverifiable::Refuse);
        for piece in self.car.chunks(PIECE) {
            builder.push(piece).expect("a sound CAR");
        }
        builder.finish().expect("a sound CAR")
    }
}

fn rates(criterion: &mut Criterion) {
    let inputs = BLOCKS.map(|(label, block)| (label, Input::new(block)));
    let mut group = criterion.benchmark_group("index");
    group
        .throughput(Throughput::Bytes(SHARD as u64))
        .sample_size(10)
        .measurement_time(Duration::from_secs(3));
    for (label, input) in &inputs {
        group.bench_with_input(BenchmarkId::new("sha256", label), input, |b, input| {
            b.iter(|| input.sha256());
        });
        group.bench_with_input(BenchmarkId::new("build", label), input, |b, input| {
            b.iter(|| input.build());
        });
    }
    group.finish();
    for (label, input) in &inputs {
        println!("build/sha256 {label}: {:.3}", ratio(input));
    }
}

/// The best of some rounds of each, taken in turn.
fn ratio(input: &Input) -> f64 {
    let (mut raw, mut built) = (Duration::MAX, Duration::MAX);
    for _ in 0..30 {
        raw = raw.min(timed(|| input.sha256()));
        built = built.min(timed(|| drop(black_box(input.build()))));
    }
    raw.as_secs_f64() / built.as_secs_f64()
}

/// What some work takes of this thread's time on a processor, or of all time where the system does not tell.
fn timed(work: impl FnOnce()) -> Duration {
    let (start, before) = (Instant::now(), on_processor());
    work();
    match (before, on_processor()) {
        (Some(before), Some(after)) => after.saturating_sub(before),
        _ => start.elapsed(),
    }
}

/// Time that this thread was on a processor (Linux).
fn on_processor() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split(' ')
        .next()?
        .parse()
        .ok()
        .map(Duration::from_nanos)
}

criterion_group!(benches, rates);
criterion_main!(benches);
