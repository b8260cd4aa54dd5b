//! A migration is shown in its own words, by every face, and a face is one entry.

use sterna::model::{
    ControlCommand, FailedItem, Failure, InstanceId, ItemId, Limit, MigrationName, Noun, PlanId,
    PlanSummary, Reason, ReasonInfo, Reasons, ShareSize, Unit, UnitId, UnixMillis, Vocabulary,
};
use sterna::monitor::{Answer, Ask, FACES, Face, Form, Paint, View, answer, line};
use sterna::runtime::Clock;
use sterna::state::{Config, FailedQuery, Namespace, Scope, Store};

use crate::monitor::{NOW, begin_unit, speaking};
use crate::place::{one, two};

const TORN: Reason = Reason::new("TORN");
const LETTERS: Vocabulary = Vocabulary {
    item: Noun::new("letter", "letters"),
    unit: Noun::new("box", "boxes"),
    owner: Noun::new("sender", "senders"),
    reasons: Reasons::with(&[ReasonInfo::of_data(TORN, "mend the letter")]),
    steps: &[],
    step_groups: &[],
};

/// A face that is known here alone: what an answer is about, and when it was read.
const TOY: Face = Face {
    name: "toy",
    form: Form::Text,
    render: |answer, _| {
        let document = answer.document()?;
        let rate = match &answer.view {
            View::Overview(overview) => format!(" {:.0}/min", overview.items_per_minute),
            _ => String::new(),
        };
        Ok(format!("{}{rate}", document["view"]))
    },
};

fn of_ann(name: &str) -> Unit {
    Unit {
        id: UnitId::new("ann", name),
        planned: Some(10),
    }
}

/// A plan, boxes that are begun, a letter that failed, limits, and instances that help and are held back.
async fn letters() -> Store {
    let namespace = Namespace::new(MigrationName::new("letters"), "local").unwrap();
    let store = Store::in_memory(Config::new(namespace, "unused"));
    store.create_tables().await.unwrap();
    let store = store.with_clock(Clock::set_to(UnixMillis(NOW - 1_200_000)));
    let size = ShareSize {
        owners: 1,
        units: 3,
        items: 30,
    };
    let plan = PlanSummary {
        id: PlanId::new("0ec0ec0ec0ec"),
        made_at: UnixMillis(NOW),
        made_by: "ann@host".to_owned(),
        shaped_by: "--instances 2".to_owned(),
        owners: 1,
        units: 3,
        items: 30,
        shares: vec![size; 2],
    };
    store.put_plan_in_force(&plan, None).await.unwrap();
    assert_eq!(store.current_plan().await.unwrap(), Some(plan));
    begin_unit(&store, &of_ann("red"), &one(), "r1").await;
    let lease = begin_unit(&store, &of_ann("blue"), &two(), "r2").await;
    let failed = |item| FailedItem {
        unit: of_ann("blue").id,
        item,
        failure: Failure::permanent(TORN, "a page is missing"),
        attempts: 1,
        instance: two(),
        items: 1,
        first_at: UnixMillis(NOW),
        last_at: UnixMillis(NOW),
    };
    for item in [ItemId::new("blue/1"), ItemId::all_of_unit()] {
        store.put_failed(&lease, &failed(item)).await.unwrap();
    }
    let limits = ControlCommand::Set {
        concurrency: Limit::To(4),
        rate: Limit::To(600),
    };
    let set = store.set_control(&Scope::Fleet, limits, "ann@host", "slow disk");
    set.await.unwrap();
    let says = |instance, run, age| {
        let mut report = speaking(instance, run, age);
        for throttle in &mut report.throttles {
            "post".clone_into(&mut throttle.dependency);
        }
        report
    };
    let mut helper = says(1, "r1", 2_000);
    helper.plan = Some(PlanId::new("01d01d01d01d"));
    helper.rate = Some(600);
    helper.helped.insert(two(), helper.counts);
    store.report(&helper).await.unwrap();
    store.report(&says(2, "r2", 900_000)).await.unwrap();
    store
}

fn asks() -> Vec<Ask> {
    vec![
        Ask::Overview,
        Ask::Owner("ann".to_owned()),
        Ask::Unit("blue".to_owned()),
        Ask::Instance(one()),
        Ask::Instance(InstanceId::number(9)),
        Ask::Failed(FailedQuery::default()),
        Ask::Control,
        Ask::ControlLog,
        Ask::Stuck {
            idle_seconds: 600,
            instance: None,
            owner: None,
        },
    ]
}

async fn answered(store: &Store, ask: &Ask) -> Answer {
    let view = answer(store, Clock::set_to(UnixMillis(NOW)), ask, &LETTERS, None).await;
    Answer {
        view: view.unwrap(),
        words: &LETTERS,
    }
}

fn by(name: &str, answer: &Answer) -> String {
    let face = FACES.iter().find(|face| face.name == name).unwrap();
    (face.render)(answer, Paint::Plain).unwrap()
}

/// Neither the words of uploads nor the neutral ones that only code uses.
fn has_only_its_own_words(text: &str) {
    let foreign = [
        "upload", "space", "customer", "gateway", "shard", "carpark", "owner", "unit",
    ];
    for word in foreign {
        assert!(!text.to_lowercase().contains(word), "{word} in\n{text}");
    }
}

#[tokio::test]
async fn every_face_shows_a_migration_in_its_own_words() {
    let store = letters().await;
    for ask in asks() {
        let answer = answered(&store, &ask).await;
        for face in FACES {
            has_only_its_own_words(&(face.render)(&answer, Paint::Plain).unwrap());
        }
        let unknown = answer.view.unknown(&LETTERS);
        has_only_its_own_words(&unknown.unwrap_or_default());
    }
    let overview = by("table", &answered(&store, &Ask::Overview).await);
    for part in [
        "Letters",
        "Boxes",
        "Senders",
        "30 letters in 3 boxes",
        "1 box of the plan without a row",
        "at most 600 letters a minute per instance",
        "starts at most 600 letters a minute",
        "mend the letter",
    ] {
        assert!(overview.contains(part), "{part} in\n{overview}");
    }
    let log = by("table", &answered(&store, &Ask::ControlLog).await);
    assert!(
        log.contains("2 instances, 1 sender, 3 boxes, 30 letters"),
        "{log}"
    );
    has_only_its_own_words(&line(
        &sterna::model::Snapshot::default(),
        UnixMillis(NOW),
        &LETTERS,
    ));
}

#[tokio::test]
async fn keys_of_json_are_in_the_words_of_the_migration() {
    let store = letters().await;
    let json = async |ask: Ask| answered(&store, &ask).await.document().unwrap();
    let overview = json(Ask::Overview).await;
    assert_eq!(overview["totals"]["boxes"]["in_progress"], 2);
    assert_eq!(overview["totals"]["senders"]["in_progress"], 1);
    assert_eq!(overview["plan"]["letters"], 30);
    assert_eq!(overview["boxes_without_row"], 1);
    assert!(overview["items_per_minute"].is_number());
    let sender = json(Ask::Owner("ann".to_owned())).await;
    assert_eq!(
        (&sender["view"], &sender["sender"]),
        (&"sender".into(), &"ann".into())
    );
    let failed = json(Ask::Failed(FailedQuery::default())).await;
    assert_eq!(failed["failures"][0]["box"], "blue");
    assert_eq!(failed["failures"][0]["letters"], 1);
    let of_box = by(
        "ndjson",
        &answered(&store, &Ask::Unit("blue".to_owned())).await,
    );
    let records: Vec<serde_json::Value> = of_box
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<&str> = records
        .iter()
        .map(|record| record["record"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["box", "box", "failure", "failure"]);
}

#[tokio::test]
async fn a_new_face_is_one_entry_that_renders_every_answer() {
    let store = letters().await;
    let faces = [FACES, &[TOY]].concat();
    let toy = faces.iter().find(|face| face.name == "toy").unwrap();
    let mut shown = Vec::new();
    for ask in asks() {
        let answer = answered(&store, &ask).await;
        shown.push((toy.render)(&answer, Paint::Plain).unwrap());
    }
    assert!(shown[0].starts_with("\"overview\" "), "{shown:?}");
    assert_eq!(shown[1..3], ["\"sender\"", "\"box\""]);
}
