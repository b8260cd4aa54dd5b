//! The network as a whole: restarts, counters, faults, environment.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use reqwest::Method;
use serde_json::{Value, json};
use sterna::sandbox::{
    Config, Keys, Plan, PutOptions, Row, Sandbox, SandboxError, Service, Table, When, bucket,
};

use crate::aws::Local;

async fn control(local: &Local, path: &str) -> Value {
    let answer = local.control(Method::GET, path).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

async fn send(local: &Local, path: &str, body: &Value) -> u16 {
    let post = local.control(Method::POST, path).body(body.to_string());
    post.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_has_the_same_ports_keys_and_data() {
    let local = Local::start().await;
    let before = local.sandbox.env().unwrap();
    let client = local.s3();
    let put = client.put_object().bucket(bucket::CLAIMS).key("/k");
    put.body(ByteStream::from_static(b"kept"))
        .send()
        .await
        .unwrap();
    let row = Row::new().text("space", "s").text("root", "r");
    let db = &local.sandbox.network().db;
    db.put(Table::Upload, row.clone()).await.unwrap();

    let local = local.restart().await;
    assert_eq!(local.sandbox.env().unwrap(), before);
    let network = local.sandbox.network();
    let (meta, body) = network
        .objects
        .get(bucket::CLAIMS, "/k")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((meta.key.as_str(), &body[..]), ("/k", &b"kept"[..]));
    assert!(network.db.get(Table::Upload, row).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_holds_one_network_at_a_time_and_one_seed() {
    let local = Local::start().await;
    let second = Sandbox::start(Config::in_dir(local.folder.path())).await;
    match second.err().unwrap() {
        SandboxError::Held { pid, .. } => assert_eq!(pid, std::process::id()),
        other => panic!("{other}"),
    }
    let Local { sandbox, folder } = local;
    sandbox.shutdown().await;
    let mut config = Config::in_dir(folder.path());
    config.seed = Some(99);
    let other = Sandbox::start(config).await.err().unwrap();
    assert!(
        matches!(other, SandboxError::OtherSeed { asked: 99, .. }),
        "{other}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_decides_every_key() {
    let mut keys = Vec::new();
    for seed in [7, 7, 8] {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::in_dir(folder.path());
        config.seed = Some(seed);
        let sandbox = Sandbox::start(config).await.unwrap();
        let mut secrets = sandbox.env().unwrap();
        secrets.retain(|(name, _)| name.ends_with("_KEY") || name.ends_with("_PROOF"));
        assert!(secrets.len() >= 6);
        secrets.retain(|(name, _)| !name.contains("ACCESS_KEY"));
        keys.push(secrets);
        sandbox.shutdown().await;
    }
    assert_eq!(keys[0], keys[1]);
    for (seven, eight) in keys[1].iter().zip(&keys[2]) {
        assert_ne!(seven, eight);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_written_for_its_owner_only() {
    let local = Local::start().await;
    let path = local.folder.path().join("sandbox.env");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(path).unwrap();
    for (name, value) in local.sandbox.env().unwrap() {
        assert!(text.lines().any(|line| line == format!("{name}={value}")));
    }
    let description = control(&local, "").await;
    assert_eq!(description["schema"], "sterna.sandbox");
    assert_eq!(
        description["endpoints"]["s3"],
        json!(local.url(Service::S3))
    );
    assert_eq!(description["env"]["STORACHA_ENV"], "local");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_by_service_and_operation() {
    let local = Local::start().await;
    let s3 = local.s3();
    let put = s3.put_object().bucket(bucket::CARPARK).key("k");
    put.body(ByteStream::from_static(b"x"))
        .send()
        .await
        .unwrap();
    for _ in 0..3 {
        let get = s3.get_object().bucket(bucket::CARPARK).key("k");
        get.send().await.unwrap();
    }
    let tables = local.dynamodb().list_tables().send().await.unwrap();
    assert_eq!(tables.table_names().len(), Table::ALL.len());
    let counted = control(&local, "/requests").await;
    assert_eq!(counted["schema"], "sterna.sandbox.requests");
    let services = &counted["services"];
    assert_eq!(services["s3"]["requests"], 4);
    assert_eq!(services["s3"]["mutating"], 1);
    assert_eq!(services["s3"]["operations"]["GetObject"]["count"], 3);
    assert_eq!(services["dynamodb"]["operations"]["ListTables"]["count"], 1);
    assert_eq!(services["dynamodb"]["mutating"], 0);

    let key = |value: &str| aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned());
    let rows = [("space", key("s")), ("root", key("r"))];
    let row = rows.map(|(name, value)| (name.to_owned(), value)).into();
    let keys = aws_sdk_dynamodb::types::KeysAndAttributes::builder().keys(row);
    let uploads = "local-w3infra-upload";
    let read = local.dynamodb().batch_get_item();
    let read = read.request_items(uploads, keys.build().unwrap());
    read.send().await.unwrap();
    let counted = control(&local, "/requests").await;
    let batch = &counted["services"]["dynamodb"]["operations"]["BatchGetItem"];
    assert_eq!(batch["rows"], json!({ uploads: 1 }));

    assert_eq!(send(&local, "/requests/reset", &json!({})).await, 200);
    assert_eq!(control(&local, "/requests").await["services"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn planned_faults_strike_what_they_name_and_end() {
    let local = Local::start().await;
    let plan = json!({
        "service": "s3", "operation": "GetObject", "status": 503, "after": 1, "times": 2,
        "headers": { "retry-after": "1" }, "body": "busy",
    });
    assert_eq!(send(&local, "/faults", &plan).await, 200);
    assert_eq!(
        send(&local, "/faults", &json!({ "no_such_field": 1 })).await,
        400
    );
    let s3 = local.s3();
    let put = s3.put_object().bucket(bucket::CARPARK).key("k");
    put.body(ByteStream::from_static(b"x"))
        .send()
        .await
        .unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let get = s3
            .get_object()
            .bucket(bucket::CARPARK)
            .key("k")
            .send()
            .await;
        seen.push(get.map_or_else(
            |error| error.raw_response().unwrap().status().as_u16(),
            |_| 200,
        ));
    }
    assert_eq!(seen, [200, 503, 503, 200]);
    let faults = control(&local, "/faults").await;
    assert_eq!(faults["faults"][0]["struck"], 2);
    let meter = &local.sandbox.network().meter;
    assert_eq!(meter.count(Service::S3, "GetObject"), 4);
    assert_eq!(
        meter.snapshot()[&Service::S3].operations["GetObject"].faults,
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_can_be_lost_after_the_work_is_done() {
    let local = Local::start().await;
    let faults = &local.sandbox.network().faults;
    faults.add(Plan {
        service: Some(Service::S3),
        operation: Some("PutObject".to_owned()),
        status: Some(500),
        when: When::After,
        times: Some(1),
        ..Plan::default()
    });
    let s3 = local.s3();
    let put = s3.put_object().bucket(bucket::CARPARK).key("k");
    let lost = put.body(ByteStream::from_static(b"x")).send().await;
    assert!(lost.is_err());
    let objects = &local.sandbox.network().objects;
    assert!(objects.head(bucket::CARPARK, "k").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn work_goes_on_when_the_client_goes_away() {
    let local = Local::start().await;
    let network = local.sandbox.network();
    network
        .faults
        .set_latency(Service::DynamoDb, Duration::from_millis(200));
    let client = local.dynamodb();
    let key = |value: &str| aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned());
    let put = client
        .put_item()
        .table_name("local-w3infra-upload")
        .item("space", key("s"))
        .item("root", key("r"))
        .send();
    assert!(
        tokio::time::timeout(Duration::from_millis(100), put)
            .await
            .is_err()
    );
    let row = Row::new().text("space", "s").text("root", "r");
    while network
        .db
        .get(Table::Upload, row.clone())
        .await
        .unwrap()
        .is_none()
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_cut_and_slowed_and_requests_wait() {
    let local = Local::start().await;
    let network = local.sandbox.network();
    let body = vec![7_u8; 100_000];
    let objects = &network.objects;
    objects
        .put(bucket::CARPARK, "k", body, PutOptions::default())
        .await
        .unwrap();
    let url = format!("{}/k", local.url(Service::Carpark));
    let struck = |plan: Plan| {
        network.faults.clear();
        network.faults.add(plan);
        reqwest::get(url.clone())
    };
    let cut = Plan {
        cut_after_bytes: Some(1000),
        ..Plan::default()
    };
    let answer = struck(cut).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());

    let start = Instant::now();
    let slow = Plan {
        bytes_per_second: Some(500_000),
        latency_ms: Some(100),
        ..Plan::default()
    };
    let answer = struck(slow).await.unwrap();
    assert_eq!(answer.bytes().await.unwrap().len(), 100_000);
    assert!(
        start.elapsed() >= Duration::from_millis(250),
        "{:?}",
        start.elapsed()
    );

    let hang = Plan {
        hang: true,
        ..Plan::default()
    };
    let waited = tokio::time::timeout(Duration::from_millis(200), struck(hang)).await;
    assert!(waited.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_strikes_the_same_requests_for_the_same_seed() {
    let mut runs = Vec::new();
    for seed in [5, 5, 6] {
        let local = Local::start().await;
        local.sandbox.network().faults.add(Plan {
            service: Some(Service::Carpark),
            status: Some(429),
            rate: Some(0.5),
            seed,
            ..Plan::default()
        });
        let url = format!("{}/none", local.url(Service::Carpark));
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(reqwest::get(&url).await.unwrap().status().as_u16());
        }
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    let struck = runs[0].iter().filter(|status| **status == 429).count();
    assert!((8..=32).contains(&struck), "{struck} of 40");
}

/// What a page in a browser, or another user of the machine, can send to the control listener.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_get_nothing_from_the_control_listener() {
    let local = Local::start().await;
    let secrets: Vec<String> = [
        "UPLOAD_SERVICE_PRIVATE_KEY",
        "MIGRATION_ENCRYPTION_KEY",
        "SANDBOX_CONTROL_TOKEN",
    ]
    .map(|name| local.variable(name))
    .into();
    let routes = [
        (Method::GET, ""),
        (Method::GET, "/requests"),
        (Method::POST, "/requests/reset"),
        (Method::GET, "/faults"),
        (Method::POST, "/faults"),
        (Method::DELETE, "/faults"),
        (Method::POST, "/seed"),
        (Method::POST, "/stop"),
    ];
    let url = local.url(Service::Control);
    let port = local.sandbox.urls().port(Service::Control);
    let client = reqwest::Client::new();
    let refused = async |request: reqwest::RequestBuilder, status: u16| {
        let answer = request.body("{}").send().await.unwrap();
        assert_eq!(answer.status(), status);
        let text = answer.text().await.unwrap();
        for secret in &secrets {
            assert!(!text.contains(secret), "{text}");
        }
    };
    for (method, path) in routes {
        let request = || client.request(method.clone(), format!("{url}/_sandbox{path}"));
        refused(request(), 401).await;
        refused(request().bearer_auth("guessed"), 401).await;
        refused(request().bearer_auth(&secrets[2][1..]), 401).await;
        // The name of the page's own leads here: then the token does not help it either.
        for host in [
            format!("evil.test:{port}"),
            "evil.test".to_owned(),
            format!("127.0.0.1.evil.test:{port}"),
        ] {
            let rebound = local.control(method.clone(), path).header("host", host);
            refused(rebound, 421).await;
        }
    }
    let stopped = tokio::time::timeout(Duration::from_millis(50), local.sandbox.asked_to_stop());
    assert!(stopped.await.is_err());
    assert_eq!(control(&local, "/faults").await["faults"], json!([]));
    let notice = local.sandbox.notice().to_string();
    for secret in &secrets {
        assert!(!notice.contains(secret));
    }
    for name in ["sandbox.json", "sandbox.env", "description.json"] {
        let found = std::fs::metadata(local.folder.path().join(name)).unwrap();
        assert_eq!(found.permissions().mode() & 0o077, 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_random_unless_a_seed_is_asked_for() {
    let key = async |seed: Option<u64>| {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::in_dir(folder.path());
        config.seed = seed;
        let sandbox = Sandbox::start(config).await.unwrap();
        let keys = &sandbox.network().keys;
        (keys.upload.to_secret_text(), keys.encryption)
    };
    let [first, second] = [key(None).await, key(None).await];
    assert_ne!(first.0, second.0);
    assert_ne!(first.1, second.1);
    let guessed = Keys::from_seed(1).unwrap();
    assert_ne!(first.0, guessed.upload.to_secret_text());
    assert_eq!(key(Some(1)).await.0, guessed.upload.to_secret_text());
}
