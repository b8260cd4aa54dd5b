//! What an operator's shell and profile say besides: named endpoints and loopback are left alone by it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use crate::network::{Network, seed};
use crate::run::Place;

/// Where nothing listens.
const NOWHERE: &str = "http://127.0.0.1:9";

/// The profile of somebody who works with AWS itself most of the time.
const PROFILE: &str = "[default]
region = eu-central-1
endpoint_url = http://127.0.0.1:9
use_fips_endpoint = true
use_dualstack_endpoint = true
ignore_configured_endpoint_urls = true
services = elsewhere
s3_use_arn_region = true
s3 =
  use_accelerate_endpoint = true
  addressing_style = virtual

[services elsewhere]
dynamodb =
  endpoint_url = http://127.0.0.1:9
s3 =
  endpoint_url = http://127.0.0.1:9
sqs =
  endpoint_url = http://127.0.0.1:9
";

/// A place whose environment says all of that, too.
fn crowded() -> Place {
    let place = Place::new();
    let profile = place.file("aws/config", PROFILE);
    let place = place.env("AWS_CONFIG_FILE", profile.to_str().unwrap());
    let switches = [
        "AWS_USE_FIPS_ENDPOINT",
        "AWS_USE_DUALSTACK_ENDPOINT",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_S3_USE_ARN_REGION",
        "AWS_S3_DISABLE_EXPRESS_SESSION_AUTH",
    ];
    let place = switches
        .iter()
        .fold(place, |place, switch| place.env(switch, "true"));
    let proxies = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ];
    proxies
        .iter()
        .fold(place, |place, proxy| place.env(proxy, NOWHERE))
}

#[test]
fn named_endpoints_on_this_machine_win_over_switches_profiles_and_proxies() {
    let place = crowded();
    let _network = Network::start(&place);
    seed(&place, ["2", "3", "8"]);
    place.sterna(["setup", "--instances", "1"]).ends(0);
    // Tables, carpark, claims, queues and, for the delegation of the gateway, R2.
    let run = ["migrate", "--limit", "all", "--output", "json"];
    let report = place.sterna(run).json();
    assert_eq!(report["ended"]["how"], "finished");
    assert!(report["this_run"]["done"].as_u64() > Some(0), "{report}");
    place.sterna(["monitor"]).ends(0);
}

/// A proxy that refuses everything, and tells the first line of each request.
fn proxy() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = channel();
    let answer = move |stream: TcpStream| -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let _ = tell.send(first);
        let no = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        reader.get_mut().write_all(no)
    };
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(stream);
        }
    });
    (url, told)
}

#[test]
fn a_proxy_still_takes_what_goes_elsewhere() {
    for (command, name) in [
        (&["claims", crate::run::ROOT][..], "INDEXING_SERVICE_URL"),
        (&["monitor"], "AWS_ENDPOINT_URL"),
    ] {
        let (url, told) = proxy();
        let place = Place::new()
            .env("HTTP_PROXY", &url)
            .env("AWS_ACCESS_KEY_ID", "x")
            .env("AWS_SECRET_ACCESS_KEY", "y")
            .env(name, "http://elsewhere.example");
        let ran = place.sterna(command);
        assert_ne!(ran.code, 0);
        let first = told.try_recv().unwrap_or_default();
        assert!(
            first.contains("http://elsewhere.example/"),
            "{first:?} {}",
            ran.stderr
        );
    }
}
