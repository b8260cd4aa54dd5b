//! What is extracted as index is written to an archive that says the same, and an outline agrees with it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sterna::proto::index::{Outline, ShardedDagIndex, show};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(index) = ShardedDagIndex::extract(bytes) {
        let archive = index.archive();
        assert_eq!(
            ShardedDagIndex::extract(&archive).expect("just written"),
            index
        );
        show(&archive).expect("just written");
        let outline = Outline::read(bytes).expect("it was extracted");
        assert_eq!(outline.content(), index.content());
        assert_eq!(outline.shard_count(), index.shard_count());
    }
});
