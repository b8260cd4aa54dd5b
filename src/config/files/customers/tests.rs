//! What a customers file may and may not say.

use std::path::Path;

use super::parse::NAMED_FAULTS;
use super::*;
use crate::config::fault::Faults;

const ALICE: &str = "did:mailto:example.com:alice";
const SPACE: &str = "did:key:z6MkmtWtY63GQVBrpMyRJWEzsnxfsGkemu6CtMDwGTv4RYj2";

fn parse(text: &str) -> Result<CustomersFile, Faults> {
    CustomersFile::parse(Path::new("c.json"), text)
}

#[test]
fn both_shapes_give_the_same_customers() {
    let list = parse(&format!(
        r#"["{ALICE}", "{ALICE}", "did:mailto:x.org:bob%2Bt"]"#
    ))
    .unwrap();
    let object = parse(&format!(
        r#"{{"instanceId": "3", "customers": ["{ALICE}", {{"customer": "did:mailto:x.org:bob%2Bt"}}]}}"#
    ))
    .unwrap();
    assert_eq!(list.customers, object.customers);
    assert_eq!(list.customers.len(), 2, "each once");
    assert_eq!((list.instance, object.instance), (None, Some(3)));
}

#[test]
fn an_instance_that_cannot_be_read_is_refused_and_never_ignored() {
    let file = |head: &str| parse(&format!(r#"{{{head}, "customers": ["{ALICE}"]}}"#));
    assert_eq!(file(r#""instance": 2"#).unwrap().instance, Some(2));
    let same = file(r#""instance": 2, "instanceId": "2""#).unwrap();
    assert_eq!(same.instance, Some(2));
    for wrong in [
        "0",
        "-1",
        "1.5",
        "null",
        r#""one""#,
        r#""""#,
        "[1]",
        "4294967296",
    ] {
        let refused = file(&format!(r#""instanceId": {wrong}"#)).unwrap_err();
        assert!(refused.to_string().contains(wrong), "{refused}");
    }
    let both = file(r#""instance": 2, "instanceId": 3"#).unwrap_err();
    assert!(both.to_string().contains("two instances"), "{both}");
}

#[test]
fn a_file_of_setup_names_its_plan_and_others_have_none() {
    let file = |head: &str| parse(&format!(r#"{{{head}"customers": ["{ALICE}"]}}"#));
    let ours = r#""schema":"sterna.customers","version":3,"#;
    let plan = file(&format!(r#"{ours}"plan":"1f3a","state":"local t","#)).unwrap();
    let plan = plan.plan.unwrap();
    assert_eq!((plan.id.as_str(), &plan.state), ("1f3a", &"local t".into()));
    assert_eq!(file("").unwrap().plan, None);
    assert_eq!(file(r#""version":7,"#).unwrap().plan, None);
    let nameless = file(ours).unwrap_err();
    assert!(!nameless.is_mismatch(), "{nameless}");
    for other in [
        r#""schema":"sterna.customers","version":2,"plan":"1f3a","state":"local t","#,
        r#""schema":"sterna.customers","version":4,"plan":"1f3a","state":"local t","#,
        r#""schema":"sterna.customers","#,
        r#""schema":"sterna.checkpoint","version":3,"#,
        r#""schema":7,"version":3,"#,
    ] {
        let refused = file(other).unwrap_err();
        assert!(refused.is_mismatch(), "{other}: {refused}");
        assert!(refused.to_string().contains("version 3"), "{refused}");
    }
}

#[test]
fn a_split_customer_has_its_spaces() {
    let text = format!(r#"{{"customers": [{{"customer": "{ALICE}", "spaces": ["{SPACE}"]}}]}}"#);
    let file = parse(&text).unwrap();
    assert_eq!(
        file.customers[0].spaces.as_ref().unwrap()[0].as_str(),
        SPACE
    );
}

#[test]
fn every_wrong_entry_is_named() {
    let text = format!(r#"["{ALICE}", "alice", 7, "{SPACE}", {{"spaces": []}}]"#);
    let faults = parse(&text).unwrap_err();
    let problems: Vec<&str> = faults.list().iter().map(|f| f.problem.as_str()).collect();
    assert_eq!(problems.len(), 4, "{problems:?}");
    for (problem, index) in problems.iter().zip(1..) {
        assert!(problem.starts_with(&format!("entry {index}")), "{problem}");
    }
}

#[test]
fn entries_of_one_customer_are_put_together_and_reported() {
    let other = "did:key:z6MkwDK3M4PxU1FqcSt4quXghquH1MoWXGzTrNkNWTSy2NLD";
    let part = |spaces: &[&str]| format!(r#"{{"customer":"{ALICE}","spaces":{spaces:?}}}"#);
    let whole = format!(r#""{ALICE}""#);
    let cases = [
        (vec![part(&[SPACE]), part(&[other, SPACE])], Some(2), 1),
        (vec![part(&[SPACE]), part(&[SPACE])], Some(1), 1),
        (vec![part(&[SPACE]), whole.clone()], None, 1),
        (vec![whole.clone(), part(&[SPACE])], None, 1),
        (vec![whole.clone(), whole], None, 0),
    ];
    for (entries, spaces, notes) in cases {
        let file = parse(&format!("[{}]", entries.join(","))).unwrap();
        let [share] = file.customers.as_slice() else {
            panic!("{entries:?}: {:?}", file.customers)
        };
        let found = share.spaces.as_ref().map(Vec::len);
        assert_eq!((found, file.notes.len()), (spaces, notes), "{entries:?}");
    }
}

#[test]
fn what_names_nothing_and_what_nobody_knows_is_refused() {
    let ours = r#""schema":"sterna.customers","version":3,"plan":"p","state":"local t""#;
    for (text, word) in [
        ("[]".to_owned(), "names no customer"),
        (r#"{"customers":[]}"#.to_owned(), "names no customer"),
        (
            format!(r#"[{{"customer":"{ALICE}","spaces":[]}}]"#),
            "entry 0 names no space",
        ),
        (
            format!(r#"[{{"customer":"{ALICE}","spcaes":["{SPACE}"]}}]"#),
            "`spaces`",
        ),
        (
            format!(r#"[{{"customer":"{ALICE}","limit":3}}]"#),
            "`limit`",
        ),
        (
            format!(r#"{{"instanceID":2,"customers":["{ALICE}"]}}"#),
            "`instanceId`",
        ),
        (
            format!(r#"{{{ours},"more":1,"customers":["{ALICE}"]}}"#),
            "`more`",
        ),
    ] {
        let refused = parse(&text).unwrap_err();
        assert!(!refused.is_mismatch(), "{text}");
        assert!(refused.to_string().contains(word), "{text}: {refused}");
    }
    // Whatever else another program wrote beside is its own.
    let foreign = format!(r#"{{"total":3,"estimate":{{}},"customers":["{ALICE}"]}}"#);
    assert_eq!(parse(&foreign).unwrap().customers.len(), 1);
    // An instance without a share is a fact of the plan; a run of it says so.
    assert!(
        parse(&format!(r#"{{{ours},"customers":[]}}"#))
            .unwrap()
            .customers
            .is_empty()
    );
}

#[test]
fn other_json_and_no_json_are_refused() {
    for text in ["", "{", "7", "null", "{}", r#"{"customers": {}}"#] {
        assert!(parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_heap_of_wrong_entries_is_summed_up() {
    let text = serde_json::to_string(&vec![1; 1000]).unwrap();
    let faults = parse(&text).unwrap_err();
    assert_eq!(faults.list().len(), NAMED_FAULTS + 1);
    assert!(faults.to_string().contains("980 more"));
}

#[test]
fn an_e_mail_address_is_a_customer_as_it_is_written() {
    for (text, did) in [
        ("alice@example.com", ALICE),
        ("user+tag@example.com", "did:mailto:example.com:user%2Btag"),
        ("User@Example.COM", "did:mailto:Example.COM:User"),
        ("50%off@example.com", "did:mailto:example.com:50%25off"),
        ("a%2Bb@example.com", "did:mailto:example.com:a%252Bb"),
        ("o'neil!(x)@x.org", "did:mailto:x.org:o'neil!(x)"),
        ("\"a@b\"@x.org", "did:mailto:x.org:%22a%40b%22"),
        ("jörg@x.org", "did:mailto:x.org:j%C3%B6rg"),
        (ALICE, ALICE),
    ] {
        let file = parse(&serde_json::json!([text, { "customer": text }]).to_string()).unwrap();
        let [share] = file.customers.as_slice() else {
            panic!("{text} is two: {:?}", file.customers)
        };
        assert_eq!(share.customer.as_str(), did);
    }
    for text in [
        "alice",
        "@x.org",
        "alice@",
        "a b@x.org",
        "a@x.org\n",
        "",
        SPACE,
    ] {
        assert_eq!(customer_did(text), None, "{text:?}");
    }
}

#[test]
fn a_file_is_read_with_a_byte_order_mark_and_any_line_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.json");
    std::fs::write(&path, format!("\u{feff}[\r\n  \"{ALICE}\"\r\n]\r\n")).unwrap();
    assert_eq!(CustomersFile::read(&path).unwrap().customers.len(), 1);
}
