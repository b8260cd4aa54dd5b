//! The truth table: what counts and what does not, one row per reason.

mod issuers;
mod world;

use super::*;
use crate::client::{Layout, Protocol, ShardRow};
use crate::migrations::uploads::find::{Signed, nowhere};
use crate::migrations::uploads::reasons;
use crate::model::{Class, Reason, Verdict};
use crate::proto::car::Summary;
use crate::proto::claims::{Content, Range};
use crate::proto::index::{Position, Shard as IndexedShard, ShardedDagIndex, Slices};
use crate::proto::key::Signer;
use crate::proto::multihash::Multihash;

use world::*;

/// A shard that an index names, and of which it says nothing.
fn without_slices(hash: &Multihash) -> IndexedShard {
    IndexedShard {
        hash: hash.clone(),
        slices: Slices::new(),
        summary: Summary::default(),
        unverified: 0,
    }
}

/// Changes one thing in a world where all is right.
type Change = fn(&mut World);

#[test]
fn a_complete_upload_of_many_shards_is_left_alone_and_its_sizes_need_no_table() {
    let world = complete();
    assert_eq!(world.review().verdict(), Verdict::Ok);
    assert!(world.review().remarks.is_empty());
    assert!(knows_sizes(&world.observed));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one row per reason")]
fn an_index_counts_only_if_it_covers_the_shards_and_is_signed() {
    let other = |world: &World| cid("other", world.observed.root.codec());
    let table: Vec<(&str, Verdict, Change)> = vec![
        ("no claim", Verdict::Missing, |world| {
            world.observed.claims.indexes.clear();
        }),
        ("about other content", Verdict::Missing, |world| {
            world.index().content = Multihash::sha256(b"other");
        }),
        ("forged", Verdict::Wrong, |world| {
            world.index().signed = Signed::No;
        }),
        ("unreadable", Verdict::Wrong, |world| {
            world.index().index = Some(Err("garbage".to_owned()));
        }),
        ("did not come along", Verdict::CouldNotTell, |world| {
            world.index().index = None;
        }),
        ("leaves out a shard", Verdict::Wrong, |world| {
            let index = right_index(world.observed.root, &world.observed.shards[..1]);
            world.index().index = Some(Ok(outlined(&index)));
        }),
        ("without shards", Verdict::Wrong, |world| {
            world.index().index = Some(Ok(outlined(&ShardedDagIndex::new(world.observed.root))));
        }),
        (
            "in no slice of which the root lies",
            Verdict::Wrong,
            |world| {
                let mut index = ShardedDagIndex::new(world.observed.root);
                for shard in &world.observed.shards {
                    let (offset, length) = (0, SIZE);
                    index.set_slice(&shard.hash, shard.hash.clone(), Position { offset, length });
                }
                world.index().index = Some(Ok(outlined(&index)));
            },
        ),
        ("without a slice of a shard", Verdict::Wrong, |world| {
            let mut index = right_index(world.observed.root, &world.observed.shards[..1]);
            index.add(without_slices(&world.observed.shards[1].hash));
            world.index().index = Some(Ok(outlined(&index)));
        }),
        ("by one whose key is not known", Verdict::Wrong, |world| {
            world.index().signed = Signed::Unchecked;
        }),
        ("beyond the end of a shard", Verdict::Wrong, |world| {
            let row = ShardRow {
                size: SIZE - 1,
                protocol: Protocol::Blob,
            };
            let hash = world.observed.shards[0].hash.clone();
            world.observed.rows.insert(hash, row);
        }),
    ];
    for (name, verdict, change) in table {
        let mut world = complete();
        change(&mut world);
        assert_eq!(world.review().verdict(), verdict, "{name}");
        assert_ne!(world.review().verdict(), Verdict::Ok, "{name}");
    }
    let mut world = complete();
    let foreign = right_index(other(&world), &world.observed.shards);
    world.index().index = Some(Ok(outlined(&foreign)));
    assert_eq!(
        world.review().verdict(),
        Verdict::Wrong,
        "index of other content"
    );
}

#[test]
fn the_end_of_an_index_claim_does_not_end_the_index() {
    let mut world = complete();
    world.index().expiration = Some(1);
    assert_eq!(world.review().verdict(), Verdict::Ok);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one row per reason")]
fn a_location_claim_counts_only_if_issuer_space_range_and_place_are_right() {
    let table: Vec<(&str, Verdict, Change)> = vec![
        ("none", Verdict::Missing, |world| {
            drop(world.observed.claims.locations.pop());
        }),
        ("no space", Verdict::Missing, |world| {
            world.location().location.space = None;
        }),
        ("another space", Verdict::Missing, |world| {
            world.location().location.space = Some(Signer::from_seed([9; 32]).did().clone());
        }),
        ("another shard", Verdict::Missing, |world| {
            world.location().location.content = Content::Digest(Multihash::sha256(b"other"));
        }),
        ("expired", Verdict::Wrong, |world| {
            world.location().expiration = Some(NOW);
        }),
        ("forged", Verdict::Wrong, |world| {
            world.location().signed = Signed::No;
        }),
        ("by one whose key is not known", Verdict::Wrong, |world| {
            world.location().signed = Signed::Unchecked;
        }),
        ("by a stranger", Verdict::Wrong, |world| {
            let stranger = Signer::from_seed([9; 32]).did().clone();
            world.location().with = stranger.as_str().to_owned();
            world.location().issuer = stranger;
        }),
        ("on another's resource", Verdict::Wrong, |world| {
            world.location().with = "did:web:storage.test".to_owned();
        }),
        ("no range", Verdict::Wrong, |world| {
            world.location().location.range = None;
        }),
        ("no length", Verdict::Wrong, |world| {
            world.location().location.range = Some(Range {
                offset: 0,
                length: None,
            });
        }),
        ("too short", Verdict::Wrong, |world| {
            world.location().location.range = Some(Range {
                offset: 0,
                length: Some(SIZE - 1),
            });
        }),
        ("starts late", Verdict::Wrong, |world| {
            world.location().location.range = Some(Range {
                offset: 1,
                length: Some(SIZE),
            });
        }),
        ("on an unknown host", Verdict::Wrong, |world| {
            world.location().location.location = vec!["https://evil.test/shard".to_owned()];
        }),
        ("not over http", Verdict::Wrong, |world| {
            world.location().location.location = vec!["file:///carpark.test/shard".to_owned()];
        }),
        ("at another shard's address", Verdict::Wrong, |world| {
            let other = world.observed.shards[0].hash.clone();
            let url = world.trust.addresses.of(&other, Layout::Blob).unwrap();
            world.location().location.location = vec![url.to_string()];
        }),
    ];
    for (name, verdict, change) in table {
        let mut world = complete();
        change(&mut world);
        assert_eq!(world.review().verdict(), verdict, "{name}");
        let states: Vec<_> = world
            .review()
            .shards
            .into_iter()
            .map(|(_, state)| state)
            .collect();
        assert_eq!(
            states[0],
            LocationState::Right,
            "{name}: the other shard is untouched"
        );
    }
}

#[test]
fn what_else_is_said_of_a_shard_takes_nothing_from_a_right_claim() {
    let table: Vec<(&str, Change)> = vec![
        ("the store layout", |world| {
            let hash = world.observed.shards[1].hash.clone();
            let url = world.trust.addresses.of(&hash, Layout::Store).unwrap();
            world.location().location.location = vec![url.to_string()];
        }),
        ("the storage node as issuer and place", |world| {
            world.location().issuer = did("did:web:storage.test");
            world.location().with = "did:web:storage.test".to_owned();
            world.location().location.location = vec!["https://storage.test/blob/x".to_owned()];
        }),
        ("content as a link", |world| {
            let link = world.observed.shards[1].cid;
            world.location().location.content = Content::Link(link);
        }),
        ("wrong claims before it", |world| {
            let mut wrong = world.location().clone();
            wrong.location.range = None;
            world.observed.claims.locations.insert(0, wrong);
        }),
        ("a wrong index claim before the right one", |world| {
            let mut wrong = world.index().clone();
            wrong.index = Some(Err("garbage".to_owned()));
            world.observed.claims.indexes.insert(0, wrong);
        }),
        (
            "an index that did not come along beside the right one",
            |world| {
                let mut unread = world.index().clone();
                unread.index = None;
                world.observed.claims.indexes.insert(0, unread);
            },
        ),
    ];
    for (name, change) in table {
        let mut world = complete();
        change(&mut world);
        assert_eq!(world.review().verdict(), Verdict::Ok, "{name}");
    }
}

#[test]
fn an_old_claim_without_length_is_reported_while_it_is_visible() {
    let mut world = complete();
    let mut old = world.location().clone();
    (old.location.range, old.location.space) = (None, None);
    world.observed.claims.locations.push(old);
    assert_eq!(world.review().verdict(), Verdict::Ok);
    assert_eq!(world.review().remarks.len(), 1);
}

#[test]
fn a_claim_of_the_upload_service_is_a_migrations_unless_another_issuers_counts_too() {
    let mut world = complete();
    let shard = world.observed.shards[1].clone();
    let of = |world: &World| {
        republished(&world.observed, &world.trust, &shard, &world.space).map(|found| found.claim)
    };
    let own = world.location().claim;
    assert_eq!(of(&world), Some(own));
    let mut node = world.location().clone();
    node.issuer = did("did:web:storage.test");
    node.with = "did:web:storage.test".to_owned();
    world.observed.claims.locations.push(node.clone());
    assert_eq!(of(&world), None, "the node advertised its own");
    world.observed.claims.locations.pop();
    world.location().expiration = Some(NOW);
    assert_eq!(of(&world), None, "a claim that does not count");
}

#[test]
fn wrong_outweighs_missing_and_missing_outweighs_could_not_tell() {
    let mut world = complete();
    world.observed.claims.locations.clear();
    assert_eq!(world.review().verdict(), Verdict::Missing);
    world.index().signed = Signed::No;
    assert_eq!(world.review().verdict(), Verdict::Wrong);
    world.index().signed = Signed::Yes;
    world.index().index = None;
    assert_eq!(world.review().verdict(), Verdict::Missing);
    let mut untold = complete();
    untold.index().index = None;
    assert_eq!(untold.review().verdict(), Verdict::CouldNotTell);
}

#[test]
fn an_upload_without_shards_has_those_of_its_index_or_fails_by_name() {
    let mut world = complete();
    let hashes: Vec<_> = world
        .observed
        .shards
        .drain(..)
        .map(|shard| shard.hash)
        .collect();
    let mut found = indexed_shards(&world.observed).unwrap();
    found.sort();
    let mut wanted = hashes;
    wanted.sort();
    assert_eq!(found, wanted);
    world.index().index = None;
    let failure = indexed_shards(&world.observed).unwrap_err();
    assert_eq!(
        (failure.class, failure.reason),
        (
            crate::model::Class::Unknown,
            crate::model::Reason::COULD_NOT_TELL
        )
    );
    world.observed.claims.indexes.clear();
    let failure = indexed_shards(&world.observed).unwrap_err();
    assert_eq!(
        (failure.class, failure.reason),
        (
            crate::model::Class::Permanent,
            crate::migrations::uploads::reasons::NO_SHARDS
        )
    );
}

#[test]
fn without_an_own_slice_the_tables_are_asked() {
    let mut world = complete();
    let mut index = ShardedDagIndex::new(world.observed.root);
    for shard in &world.observed.shards {
        index.set_slice(
            &shard.hash,
            Multihash::of(&world.observed.root),
            Position {
                offset: 60,
                length: 40,
            },
        );
    }
    world.index().index = Some(Ok(outlined(&index)));
    assert!(!knows_sizes(&world.observed));
}

#[test]
fn what_a_closer_probe_finds_absent_does_not_count() {
    let mut world = complete();
    assert_eq!(right_indexes(&world.observed).len(), 1);
    let link = world.index().link;
    let why = "whose bytes are nowhere".to_owned();
    world.observed.absent.indexes.insert(link, why);
    assert!(
        matches!(index_state(&world.observed), IndexState::Wrong(why) if why.contains("nowhere"))
    );
    assert!(right_indexes(&world.observed).is_empty());

    let mut world = complete();
    let shard = world.observed.shards[0].clone();
    let places = claimed_places(&world.observed, &world.trust, &shard, &world.space);
    assert!(!places.is_empty());
    world.observed.absent.addresses.extend(places);
    let state = location_state(&world.observed, &world.trust, &shard, &world.space);
    assert!(matches!(state, LocationState::Wrong(why) if why.contains("nothing there")));
    let left = claimed_places(&world.observed, &world.trust, &shard, &world.space);
    assert!(left.is_empty());
}

/// "Missing" is a hard word: it is not said while somebody who is known places the shard where nothing is fetched from.
#[test]
fn a_shard_that_a_known_issuer_places_elsewhere_is_not_called_missing() {
    let elsewhere = |world: &mut World| {
        let url = "https://carpark-9.example.com/shard.blob".to_owned();
        world.location().location.location = vec![url];
    };
    let table: Vec<(&str, bool, Change)> = vec![
        ("in the carpark", true, |_| {}),
        ("by nobody", true, |world| {
            drop(world.observed.claims.locations.pop());
        }),
        ("forged", true, |world| {
            world.location().signed = Signed::No;
        }),
        ("unchecked", true, |world| {
            world.location().signed = Signed::Unchecked;
        }),
        ("by a stranger", true, |world| {
            world.location().issuer = Signer::from_seed([9; 32]).did().clone();
        }),
        ("elsewhere", false, |_| {}),
    ];
    for (name, is_missing, change) in table {
        let mut world = complete();
        if name != "in the carpark" {
            elsewhere(&mut world);
        }
        change(&mut world);
        let shard = world.observed.shards[1].clone();
        match nowhere(&world.observed, &world.trust, &shard) {
            Ok(failure) => {
                assert!(is_missing, "{name}: {failure}");
                assert_eq!(failure.reason, reasons::MISSING_BLOB);
            }
            Err(failure) => {
                assert!(!is_missing, "{name}: {failure}");
                assert_eq!(
                    (failure.class, failure.reason),
                    (Class::Unknown, Reason::COULD_NOT_TELL)
                );
                assert!(
                    failure
                        .message
                        .contains("https://carpark-9.example.com/shard.blob")
                );
            }
        }
    }
}
