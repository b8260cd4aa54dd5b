//! A seeded world before anybody migrates it.

use sterna::sandbox::Service;
use sterna::sandbox::world::content;
use sterna::sandbox::world::plan::{Condition, Plan, Sizes};
use sterna::sandbox::world::seed;

use crate::aws::Local;

const SEED: u64 = 11;

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_serves_what_was_legacy_or_complete_and_nothing_else() {
    let local = Local::start().await;
    let sizes = Sizes {
        customers: 2,
        spaces: 4,
        uploads: 30,
    };
    let plan = Plan::new(SEED, sizes);
    let world = seed(local.sandbox.network(), &plan).await.unwrap();
    let (mut served, mut refused) = (0, 0);
    for (record, upload) in world.uploads.iter().zip(&plan.uploads) {
        assert_eq!(record.number, upload.number);
        let made = content::make(SEED, upload);
        assert_eq!(made.root.to_string(), record.root);
        let (path, bytes) = made.files.first_key_value().unwrap();
        let path = path.replace(' ', "%20");
        let url = format!(
            "{}/ipfs/{}/{path}",
            local.url(Service::Gateway),
            record.root
        );
        let answer = reqwest::get(url).await.unwrap();
        if matches!(record.condition, Condition::Legacy | Condition::Complete) {
            assert!(
                answer.status().is_success(),
                "{:?} {}",
                record.condition,
                record.root
            );
            assert_eq!(answer.bytes().await.unwrap(), *bytes);
            served += 1;
        } else {
            assert_eq!(
                answer.status(),
                404,
                "{:?} {}",
                record.condition,
                record.root
            );
            refused += 1;
        }
    }
    assert!(
        served > 2 && refused > 2,
        "{served} served, {refused} refused"
    );
}
