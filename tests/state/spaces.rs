//! Migration spaces: one per customer, no key lost.

use sterna::migrations::uploads::SpaceMark;
use sterna::migrations::uploads::{CustomerTables, MigrationSpace, SpaceStatus, Stored};
use sterna::state::rows::{Batched, Key, Row};

use crate::place::{customer, everywhere, space};

fn made(by: u32) -> MigrationSpace {
    MigrationSpace {
        customer: customer("a"),
        space: space(&format!("by{by}")),
        name: "Migrated Indexes - did:mailto:example.com:a".to_owned(),
        sealed_key: Some(format!("sealed {by}")),
        status: SpaceStatus::Active,
        delegated: false,
        ours: true,
    }
}

#[tokio::test]
async fn of_many_that_create_at_once_all_go_on_with_the_same_space_and_its_key() {
    everywhere(|store| async move {
        let create = |by| {
            let store = store.clone();
            async move {
                CustomerTables::of(&store)
                    .create_migration_space(&made(by))
                    .await
                    .unwrap()
            }
        };
        let stored = futures::future::join_all((0..16).map(create)).await;
        let ours = stored
            .iter()
            .filter(|stored| matches!(stored, Stored::Ours(_)))
            .count();
        assert_eq!(ours, 1);
        let kept = CustomerTables::of(&store)
            .migration_space(&customer("a"))
            .await
            .unwrap()
            .unwrap();
        assert!(stored.into_iter().all(|stored| stored.into_space() == kept));
        assert_eq!(
            kept.sealed_key,
            Some(kept.space.as_str().replace("did:key:z6Mkby", "sealed "))
        );
    })
    .await;
}

#[tokio::test]
async fn marks_are_kept_and_touch_no_other_space() {
    everywhere(|store| async move {
        CustomerTables::of(&store)
            .create_migration_space(&made(1))
            .await
            .unwrap();
        let (customer, mine, other) = (customer("a"), space("by1"), space("by2"));
        assert!(
            !CustomerTables::of(&store)
                .mark_space(&customer, &other, SpaceMark::Provisioned(true))
                .await
                .unwrap()
        );
        assert!(
            !CustomerTables::of(&store)
                .mark_space(&customer, &other, SpaceMark::Delegated(true))
                .await
                .unwrap()
        );
        assert_eq!(
            CustomerTables::of(&store)
                .migration_space(&customer)
                .await
                .unwrap(),
            Some(made(1))
        );
        assert!(
            CustomerTables::of(&store)
                .mark_space(&customer, &mine, SpaceMark::Provisioned(true))
                .await
                .unwrap()
        );
        assert!(
            CustomerTables::of(&store)
                .mark_space(&customer, &mine, SpaceMark::Delegated(true))
                .await
                .unwrap()
        );
        let again = CustomerTables::of(&store)
            .create_migration_space(&made(1))
            .await
            .unwrap();
        let whole = MigrationSpace {
            status: SpaceStatus::Provisioned,
            delegated: true,
            ..made(1)
        };
        assert_eq!(again, Stored::Ours(whole));
    })
    .await;
}

#[tokio::test]
async fn a_row_of_the_existing_tool_without_a_key_is_given_as_it_is() {
    everywhere(|store| async move {
        let row = Row::new()
            .with("migrationSpace", "did:key:z6Mkold")
            .with("spaceName", "Migrated Indexes - x")
            .with("status", "provisioned")
            .with("indexCount", 3_u64);
        let key = Key::one("customer", customer("a").as_str());
        store
            .rows()
            .write_all(
                store.config().namespace.own_table("spaces").unwrap(),
                vec![Batched::Put(key, row)],
            )
            .await
            .unwrap();
        let stored = CustomerTables::of(&store)
            .create_migration_space(&made(1))
            .await
            .unwrap();
        let Stored::Theirs(held) = stored else {
            panic!("replaced: {stored:?}")
        };
        assert_eq!(
            (held.space, held.sealed_key, held.status),
            (space("old"), None, SpaceStatus::Provisioned)
        );
        let (spaces, odd) = CustomerTables::of(&store).migration_spaces().await.unwrap();
        assert_eq!((spaces.len(), odd.len()), (1, 0));
        let lacks = spaces[0].lacks().unwrap();
        assert!(
            lacks.contains("its key") && !lacks.contains("provisioning"),
            "{lacks}"
        );
        let key = Key::one("customer", customer("b").as_str());
        let row = Row::new().with("status", "active");
        let rows = vec![Batched::Put(key, row)];
        store
            .rows()
            .write_all(store.config().namespace.own_table("spaces").unwrap(), rows)
            .await
            .unwrap();
        let (spaces, odd) = CustomerTables::of(&store).migration_spaces().await.unwrap();
        assert_eq!((spaces.len(), odd.len()), (1, 1), "{odd:?}");
        assert!(odd[0].starts_with(customer("b").as_str()));
    })
    .await;
}

#[tokio::test]
async fn a_sealed_key_shows_in_no_debug_text() {
    assert!(!format!("{:?}", made(7)).contains("sealed 7"));
}
