//! Units that are split: a process dies at every write that cuts them, works on their parts, or puts them together.

use super::{LOSSES, Scene, after_death_at, at_once, try_all, undisturbed};
use crate::model::Stage;

/// The same world, in which each unit is cut in two.
async fn scene() -> Scene {
    let mut scene = Scene::new().await;
    scene.world.planned = Some(4);
    (
        scene.world.config.pace.split_above,
        scene.world.config.pace.part_items,
    ) = (2, 2);
    scene
}

#[test]
fn wherever_a_process_dies_a_split_unit_comes_out_the_same() {
    let (wanted, mut passed) = undisturbed(scene);
    for kind in [
        "put parts",
        "update parts: lease",
        "update parts: save",
        "update parts: renew",
        "update parts: release",
        "delete parts",
    ] {
        assert!(passed.contains_key(kind), "{kind}: {:?}", passed.keys());
    }
    // The others are tried with units that are not split.
    let kinds = ["parts", "progress", "checkpoint", "failures"];
    passed.retain(|kind, _| kinds.iter().any(|known| kind.contains(known)));
    try_all(&passed, &LOSSES, &wanted, |point, loss| {
        after_death_at(scene, point, loss)
    });
}

impl Scene {
    /// What is left of the parts of a unit.
    pub(super) fn parts_of(&self, unit: &crate::model::UnitId) -> String {
        let store = self.store();
        let split = at_once(store.progress(unit)).unwrap().unwrap().split;
        let Some(split) = split else {
            return "never split".to_owned();
        };
        let rows = at_once(store.parts(unit, split.cut)).unwrap();
        let gone = split.stage == Stage::Gone;
        format!("gone {gone}, {} rows", rows.len())
    }
}
