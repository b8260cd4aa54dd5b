//! The carpark's public URL and the index worker.

use reqwest::{Client, header};
use serde_json::Value;
use sterna::sandbox::{PutOptions, Service, bucket};

use crate::aws::Local;

/// The CARs of the index vectors, with the worker's lines for them.
fn vectors() -> Vec<(Vec<u8>, Vec<Value>)> {
    let text = include_str!("../vectors/car-edge.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    vectors
        .iter()
        .filter(|vector| vector["carstream"]["error"].is_null())
        .map(|vector| {
            let hex = vector["car_hex"].as_str().unwrap();
            let slices = vector["carstream"]["slices"].as_array().unwrap();
            (bytes_of(hex), slices.clone())
        })
        .collect()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

async fn put(local: &Local, key: &str, body: Vec<u8>) {
    let objects = &local.sandbox.network().objects;
    let put = objects.put(bucket::CARPARK, key, body, PutOptions::default());
    put.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_lists_every_block_and_goes_on_from_any() {
    let local = Local::start().await;
    let worker = local.variable("INDEX_WORKER_URL");
    let vectors = vectors();
    assert!(!vectors.is_empty());
    for (number, (car, slices)) in vectors.into_iter().enumerate() {
        let key = format!("car-{number}/car-{number}.car");
        put(&local, &key, car).await;
        let mut from = 0;
        for skip in 0..=slices.len() {
            let url = format!("{worker}/index/{key}?offset={from}");
            let head = Client::new().head(&url).send().await.unwrap();
            assert_eq!(head.status(), 200);
            let answer = reqwest::get(&url).await.unwrap();
            assert_eq!(
                answer.headers()[header::CONTENT_TYPE],
                "application/x-ndjson"
            );
            let text = answer.text().await.unwrap();
            let lines: Vec<Value> = text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            let positions: Vec<&Value> = lines.iter().map(|line| &line[1]).collect();
            let wanted: Vec<&Value> = slices[skip..].iter().map(|slice| &slice[2]).collect();
            assert_eq!(positions, wanted, "{key} from {from}");
            if let Some(slice) = slices.get(skip) {
                from = slice[2][0].as_u64().unwrap() + slice[2][1].as_u64().unwrap();
            }
        }
    }
    let missing = format!("{worker}/index/none/none.car");
    assert_eq!(reqwest::get(missing).await.unwrap().status(), 404);
    let wrong = format!("{worker}/other/none.car");
    assert_eq!(reqwest::get(wrong).await.unwrap().status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_car_breaks_the_workers_answer() {
    let local = Local::start().await;
    let (mut car, slices) = vectors().swap_remove(0);
    let whole = slices.len();
    assert!(whole > 1);
    car.truncate(car.len() - 5);
    put(&local, "broken.car", car).await;
    let url = format!(
        "{}/index/broken.car?offset=0",
        local.url(Service::IndexWorker)
    );
    let mut answer = reqwest::get(url).await.unwrap();
    let first = answer.chunk().await.unwrap().unwrap();
    assert_eq!(
        std::str::from_utf8(&first).unwrap().lines().count(),
        whole - 1
    );
    assert!(answer.chunk().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_carpark_is_readable_by_anyone_in_ranges() {
    let local = Local::start().await;
    put(&local, "zQm/zQm.blob", b"0123456789".to_vec()).await;
    let url = format!("{}/zQm/zQm.blob", local.variable("CARPARK_PUBLIC_URL"));
    let client = Client::new();
    let head = client.head(&url).send().await.unwrap();
    assert_eq!(head.headers()[header::CONTENT_LENGTH], "10");
    let part = client.get(&url).header(header::RANGE, "bytes=3-5");
    let part = part.send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()[header::CONTENT_RANGE], "bytes 3-5/10");
    assert_eq!(part.bytes().await.unwrap(), "345");
    let beyond = client.get(&url).header(header::RANGE, "bytes=10-11");
    let beyond = beyond.send().await.unwrap();
    assert_eq!(beyond.status(), 416);
    assert_eq!(beyond.headers()[header::CONTENT_RANGE], "bytes */10");
    let missing = client.get(format!("{url}x")).send().await.unwrap();
    assert_eq!(missing.status(), 404);
    let written = client.put(&url).body("x").send().await.unwrap();
    assert_eq!(written.status(), 405);
}
