//! Whose index claims count.

use super::Change;
use super::world::{complete, did};
use crate::migrations::uploads::decide::{
    indexed_shards, knows_sizes, right_indexes, size, strangers,
};
use crate::migrations::uploads::reasons;
use crate::model::Verdict;
use crate::proto::did::Did;
use crate::proto::key::Signer;

fn stranger() -> Did {
    Signer::from_seed([9; 32]).did().clone()
}

#[test]
fn an_index_counts_only_if_it_is_claimed_by_one_who_has_to_do_with_the_upload() {
    let table: Vec<(&str, Verdict, Change)> = vec![
        ("the migration space", Verdict::Ok, |_| {}),
        ("the space itself", Verdict::Ok, |world| {
            world.index().issuer = world.space.clone();
        }),
        ("the upload service", Verdict::Ok, |world| {
            world.index().issuer = did("did:web:up.test");
        }),
        ("an agent that the space lets", Verdict::Ok, |world| {
            let space = world.space.clone();
            world.index().issuer = stranger();
            world.index().on_behalf_of = Some(space);
        }),
        ("a stranger", Verdict::Missing, |world| {
            world.index().issuer = stranger();
        }),
        ("another did:web", Verdict::Missing, |world| {
            world.index().issuer = did("did:web:evil.test");
        }),
        ("a stranger, unreadable", Verdict::Missing, |world| {
            world.index().issuer = stranger();
            world.index().index = Some(Err("garbage".to_owned()));
        }),
        (
            "a stranger, did not come along",
            Verdict::Missing,
            |world| {
                world.index().issuer = stranger();
                world.index().index = None;
            },
        ),
    ];
    for (name, verdict, change) in table {
        let mut world = complete();
        change(&mut world);
        let review = world.review();
        assert_eq!(review.verdict(), verdict, "{name}");
        assert_eq!(
            right_indexes(&world.observed).is_empty(),
            verdict != Verdict::Ok,
            "{name}"
        );
        assert_eq!(
            review.remarks.len(),
            usize::from(verdict != Verdict::Ok),
            "{name}"
        );
        assert_eq!(
            knows_sizes(&world.observed),
            verdict == Verdict::Ok,
            "{name}"
        );
    }
}

#[test]
fn a_strangers_claim_takes_nothing_from_a_right_one_and_is_named() {
    let mut world = complete();
    let mut foreign = world.index().clone();
    foreign.issuer = stranger();
    world.observed.claims.indexes.insert(0, foreign.clone());
    let review = world.review();
    assert_eq!(review.verdict(), Verdict::Ok);
    let wanted = format!(
        "index {} was claimed by {}, who is neither the space, its migration space nor a service",
        foreign.link, foreign.issuer
    );
    assert_eq!(review.remarks, [wanted]);
}

#[test]
fn a_strangers_index_names_neither_shards_nor_sizes() {
    let mut world = complete();
    world.index().issuer = stranger();
    let shard = world.observed.shards[0].clone();
    assert_eq!(size(&world.observed, &shard), None);
    world.observed.shards.clear();
    let failure = indexed_shards(&world.observed).unwrap_err();
    assert_eq!(failure.reason, reasons::NO_SHARDS);
    assert!(
        failure.message.contains("was claimed by did:key:"),
        "{failure}"
    );
}

#[test]
fn of_many_strangers_a_few_are_named() {
    let mut world = complete();
    for seed in 20..30 {
        let mut foreign = world.index().clone();
        foreign.issuer = Signer::from_seed([seed; 32]).did().clone();
        world.observed.claims.indexes.push(foreign);
    }
    let text = strangers(&world.observed).unwrap();
    assert_eq!(text.matches("was claimed by").count(), 3, "{text}");
    assert!(text.ends_with("; 7 more by such issuers"), "{text}");
}
