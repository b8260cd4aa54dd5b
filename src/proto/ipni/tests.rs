//! Words of IPNI that no vector holds.

use proptest::prelude::*;

use super::*;
use crate::proto::Did;
use crate::proto::claims::Range;
use crate::proto::multihash::{Multihash, codec};

fn space() -> Did {
    crate::proto::Signer::from_seed([1; 32]).did().clone()
}

fn job() -> Job {
    let hash = Multihash::sha256(b"blob");
    let claim = hash.cid(codec::DAG_CBOR).unwrap();
    let metadata = Metadata::Location {
        claim,
        expiration: 0,
        range: None,
        shard: Some(hash.cid(codec::CAR).unwrap()),
    };
    let addrs =
        vec![Multiaddr::from_url("https://a.example/{blob}/{blob}.blob", Port::AsGiven).unwrap()];
    Job::new(
        &context_id(Some(&space()), &hash),
        &[metadata],
        Provider {
            id: PeerId::of(&space()).unwrap(),
            addrs,
        },
    )
}

/// Pitfall 1.
#[test]
fn context_ids_are_over_principal_bytes_and_not_over_text() {
    let hash = Multihash::sha256(b"blob");
    let bytes = [space().to_bytes(), hash.as_bytes().to_vec()].concat();
    assert_eq!(context_id(Some(&space()), &hash), Multihash::sha256(&bytes));
    assert_ne!(
        context_id(Some(&space()), &hash),
        text_context_id(&space(), &hash)
    );
}

/// Pitfall 5.
#[test]
fn an_address_made_from_a_location_leads_back_to_it() {
    let hash = Multihash::sha256(b"blob");
    let link = hash.cid(codec::CAR).unwrap();
    let mh = hash.base58();
    for location in [
        format!("https://carpark.example/{mh}/{mh}.blob"),
        format!("https://carpark.example/{link}/{link}.car"),
        format!("http://127.0.0.1:8080/bucket/{mh}/{mh}.blob"),
        format!("http://[::1]:8080/{mh}.blob"),
    ] {
        let address = Multiaddr::for_location(&location, &hash, &link).unwrap();
        assert_eq!(address.purpose(), Purpose::Blob);
        assert_eq!(address.blob_url(&hash, Some(&link)).unwrap(), location);
        assert!(!location.starts_with("https") || !address.to_string().contains("/tcp/"));
        assert_eq!(Multiaddr::from_bytes(&address.to_bytes()).unwrap(), address);
        assert_eq!(Multiaddr::parse(&address.to_string()).unwrap(), address);
    }
    let with_port =
        Multiaddr::from_url(&format!("https://carpark.example/{mh}"), Port::Always).unwrap();
    assert!(
        with_port
            .url()
            .unwrap()
            .starts_with("https://carpark.example:443/"),
        "what services see"
    );
}

#[test]
fn a_store_object_is_found_only_with_its_link() {
    let hash = Multihash::sha256(b"blob");
    let address =
        Multiaddr::parse("/dns/a.example/tls/http/http-path/%7BblobCID%7D%2F%7BblobCID%7D.car")
            .unwrap();
    let (car, raw) = (hash.cid(codec::CAR).unwrap(), hash.cid(codec::RAW).unwrap());
    assert_eq!(
        address.blob_url(&hash, Some(&car)).unwrap(),
        format!("https://a.example/{car}/{car}.car")
    );
    assert_eq!(
        address.blob_url(&hash, None).unwrap(),
        format!("https://a.example/{raw}/{raw}.car")
    );
    assert_eq!(address.claim_url(&car), None);
}

/// Pitfall 6.
#[test]
fn the_path_is_sent_without_slash_and_read_with_and_without() {
    let address = Multiaddr::from_url("https://a.example/claim/{claim}", Port::Always).unwrap();
    assert_ne!(address.to_bytes(), address.to_js_bytes());
    assert_eq!(address.to_js_bytes().len(), address.to_bytes().len() + 1);
    for bytes in [address.to_bytes(), address.to_js_bytes()] {
        assert_eq!(
            Multiaddr::from_bytes(&bytes).unwrap().url().unwrap(),
            "https://a.example:443/claim/{claim}"
        );
    }
}

#[test]
fn old_addresses_are_read() {
    let text = "/dns4/a.example/tcp/443/https/httpath/claim%2F%7Bclaim%7D";
    let address = Multiaddr::parse(text).unwrap();
    assert_eq!(address.to_string(), text);
    assert_eq!(Multiaddr::from_bytes(&address.to_bytes()).unwrap(), address);
    assert_eq!(
        address.url().unwrap(),
        "https://a.example:443/claim/{claim}"
    );
    assert_eq!(address.purpose(), Purpose::Claim);
}

#[test]
fn metadata_of_several_protocols_is_read_by_id() {
    let link = Multihash::sha256(b"x").cid(codec::DAG_CBOR).unwrap();
    let all = vec![
        Metadata::Equals {
            claim: link,
            expiration: 0,
            equals: link,
        },
        Metadata::Index {
            claim: link,
            expiration: u64::MAX,
            index: link,
        },
        Metadata::Location {
            claim: link,
            expiration: 1,
            range: Some(Range {
                offset: 5,
                length: None,
            }),
            shard: None,
        },
        Metadata::Other {
            protocol: 0x0920,
            bytes: vec![1, 2],
        },
    ];
    assert_eq!(decode_metadata(&encode_metadata(&all)).unwrap(), all);
    assert!(matches!(decode_metadata(&[0x80]), Err(IpniError::Protocol)));
    assert!(matches!(
        decode_metadata(&[0x82, 0x80, 0xf8, 0x01, 0xa0]),
        Err(IpniError::Key { key: 'c', .. })
    ));
}

/// Pitfall 19: protocol ids are varints of more than 21 bits and stay whole.
#[test]
fn protocol_ids_are_64_bit_varints() {
    for protocol in [0x3E_0003, 1 << 32, u64::MAX] {
        let all = [Metadata::Other {
            protocol,
            bytes: Vec::new(),
        }];
        assert_eq!(decode_metadata(&encode_metadata(&all)).unwrap(), all);
    }
}

/// Pitfall 40.
#[test]
fn a_repeated_job_is_the_same_object_and_the_same_message() {
    let (first, second) = (job(), job());
    assert_eq!(first, second);
    assert_eq!(
        first.to_message(Dialect::Js),
        second.to_message(Dialect::Js)
    );
    assert_eq!(
        uuid::Uuid::parse_str(&first.id).unwrap().get_version_num(),
        4
    );
    let mut other = job();
    other.metadata.push(0);
    let metadata = decode_metadata(&first.metadata).unwrap();
    let context = Multihash::sha256(b"another");
    assert_ne!(
        Job::new(&context, &metadata, first.provider.clone()).id,
        first.id
    );
}

#[test]
fn jobs_are_read_in_both_dialects_and_any_case() {
    let job = job();
    for dialect in [Dialect::Js, Dialect::Go] {
        assert_eq!(Job::from_message(&job.to_message(dialect)).unwrap(), job);
    }
    assert!(job.to_message(Dialect::Go).contains("\"ContextID\""));
    assert_eq!(
        Job::from_message(
            &job.to_message(Dialect::Js)
                .replace("contextID", "CONTEXTid")
        )
        .unwrap(),
        job
    );
    assert!(matches!(
        Job::from_message("{\"JobID\":1}"),
        Err(IpniError::Job("Message"))
    ));
    let digests = [Multihash::sha256(b"a"), Multihash::identity(b"b")];
    let mixed = format!("[{:?},\"AAFi\"]", digests[0].as_bytes());
    assert_eq!(digests_from_body(mixed.as_bytes()).unwrap(), digests);
    assert!(digests_from_body(b"[[300]]").is_err());
    assert!(matches!(
        digests_from_body(b"[[18,32,1]]"),
        Err(IpniError::Digest(_))
    ));
}

#[test]
fn peer_ids_are_those_of_keys() {
    let peer = PeerId::of(&space()).unwrap();
    assert!(peer.to_string().starts_with("12D3KooW"));
    assert_eq!(PeerId::parse(&peer.to_string()).unwrap(), peer);
    assert_eq!(peer.did(), Some(space()));
    let web = Did::parse("did:web:a.example").unwrap();
    assert!(matches!(PeerId::of(&web), Err(IpniError::NotKey(_))));
    assert!(PeerId::parse("0OIl").is_err());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, text: String) {
        if let Ok(address) = Multiaddr::from_bytes(&bytes) {
            prop_assert_eq!(Multiaddr::from_bytes(&address.to_bytes()).unwrap(), address.clone());
            let _ = (address.url(), address.purpose(), address.to_string());
        }
        let _ = decode_metadata(&bytes);
        let _ = decode_metadata(&[&[0x82, 0x80, 0xf8, 0x01][..], &bytes].concat());
        let _ = digests_from_body(&bytes);
        let _ = (Job::from_message(&text), PeerId::parse(&text), PeerId::from_bytes(&bytes));
        if let Ok(address) = Multiaddr::parse(&format!("/{text}")) {
            prop_assert_eq!(Multiaddr::parse(&address.to_string()).unwrap(), address);
        }
    }

    #[test]
    fn paths_of_any_text_survive_text_and_bytes(path in "[^/\\PC][^\\PC]{0,20}", port: u16) {
        let parts = vec![Part::Dns(53, "a.example".into()), Part::Tcp(port), Part::Flag(480), Part::HttpPath(path)];
        let address = Multiaddr(parts);
        prop_assert_eq!(&Multiaddr::parse(&address.to_string()).unwrap(), &address);
        prop_assert_eq!(&Multiaddr::from_bytes(&address.to_js_bytes()).unwrap(), &address);
    }
}
