//! A limit against services that refuse by rate, by number, and that grow slow.

use std::sync::atomic::{AtomicU32, Ordering};

use futures::FutureExt;

use super::*;

const QUICK: Duration = Duration::from_millis(50);

#[tokio::test(start_paused = true)]
async fn halves_once_for_a_burst_and_is_lifted_when_the_service_was_well_for_long() {
    let limit = Limit::new(16);
    for _ in 0..150 {
        tokio::time::sleep(CALM / 100).await;
        limit.good(QUICK);
    }
    limit.refused("429");
    limit.refused("429 of the same burst");
    assert_eq!(limit.now(), 8);
    let reason = limit.reason().unwrap();
    assert!(
        reason.starts_with("50.") && reason.ends_with(" calls a second: 429"),
        "{reason}"
    );
    for second in 1..=30 {
        assert!(limit.reason().is_some(), "after {second} s");
        tokio::time::sleep(CALM).await;
        limit.good(QUICK);
    }
    assert_eq!((limit.now(), limit.reason()), (16, None));
}

#[tokio::test(start_paused = true)]
async fn stands_still_without_signals() {
    let limit = Limit::new(16);
    limit.slow("no answer");
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!((limit.now(), limit.reason()), (8, Some("no answer".into())));
}

#[tokio::test(start_paused = true)]
async fn slow_answers_halve_a_limit_that_is_used_up() {
    let limit = Limit::new(4);
    let held: Vec<_> = futures::future::join_all((0..4).map(|_| limit.permit())).await;
    for _ in 0..100 {
        limit.good(QUICK);
    }
    for _ in 0..40 {
        limit.good(20 * QUICK);
    }
    assert_eq!(limit.now(), 2);
    assert!(limit.reason().unwrap().starts_with("answers take"));
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_pay_the_halving_when_they_end() {
    let limit = Limit::new(4);
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(limit.permit().await);
    }
    limit.slow("no answer");
    held.pop();
    held.pop();
    assert!(limit.permit().now_or_never().is_none());
    held.pop();
    assert!(limit.permit().now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn one_call_is_always_allowed() {
    let limit = Limit::new(1);
    for _ in 0..5 {
        limit.refused("429");
        tokio::time::sleep(4 * CALM).await;
    }
    assert!(limit.permit().now_or_never().is_some());
}

/// Calls a service for three minutes from 64 tasks; `serves` tells whether it takes a call.
/// Good answers and refusals.
async fn calls(takes: Duration, serves: impl Fn(u32) -> bool) -> (u32, u32) {
    let limit = Limit::new(64);
    let (good, refused, open) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let end = Instant::now() + Duration::from_mins(3);
    let caller = async || {
        while Instant::now() < end {
            let permit = limit.permit().await;
            if serves(open.load(Ordering::Relaxed)) {
                open.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(takes).await;
                open.fetch_sub(1, Ordering::Relaxed);
                good.fetch_add(1, Ordering::Relaxed);
                limit.good(takes);
            } else {
                tokio::time::sleep(QUICK / 10).await;
                refused.fetch_add(1, Ordering::Relaxed);
                limit.refused("429");
                drop(permit);
                // As between two tries.
                tokio::time::sleep(4 * QUICK).await;
                continue;
            }
            drop(permit);
        }
    };
    futures::future::join_all((0..64).map(|_| caller())).await;
    (good.into_inner(), refused.into_inner())
}

#[tokio::test(start_paused = true)]
async fn a_service_that_refuses_by_rate_gets_nearly_all_it_takes_and_few_refusals() {
    for takes in [QUICK / 10, QUICK, 4 * QUICK] {
        let (start, served) = (Instant::now(), AtomicU32::new(0));
        let (good, refused) = calls(takes, |_| {
            let allowed = 20.0 + 200.0 * start.elapsed().as_secs_f64();
            let unused = allowed - f64::from(served.load(Ordering::Relaxed));
            // What is not used in time is gone: a bucket of twenty.
            if unused > 20.0 {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                served.store((allowed - 20.0) as u32, Ordering::Relaxed);
            }
            unused >= 1.0 && served.fetch_add(1, Ordering::Relaxed) < u32::MAX
        })
        .await;
        assert!(good > 85 * 200 * 180 / 100, "{takes:?}: {good} of 36000");
        assert!(
            refused * 50 < good,
            "{takes:?}: {refused} refused, {good} not"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_refuses_by_number_gets_nearly_all_it_takes_and_few_refusals() {
    let (good, refused) = calls(QUICK, |open| open < 20).await;
    assert!(good > 75 * 400 * 180 / 100, "{good} of 72000");
    assert!(refused * 50 < good, "{refused} refused, {good} not");
}
