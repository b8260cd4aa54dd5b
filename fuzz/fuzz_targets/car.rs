//! A CAR read whole and read in pieces is the same, and nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sterna::proto::car::{self, Event, Limits, Parser};
use sterna::proto::index::{Name, ShardBuilder, Unverifiable};

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = (usize::from(input.0) + 1, input.1);
    let whole = car::read(bytes);
    let mut parser = Parser::new(Limits::default());
    let mut sections = 0;
    let pieces = bytes.chunks(size).try_for_each(|mut piece| {
        while let Some(event) = parser.next(&mut piece)? {
            sections += usize::from(matches!(event, Event::Section(_)));
        }
        Ok(())
    });
    match (&whole, pieces.and_then(|()| parser.finish())) {
        (Ok(car), Ok(summary)) => assert_eq!((car.entries.len(), car.summary), (sections, summary)),
        (Err(a), Err(b)) => assert_eq!(*a, b),
        (a, b) => panic!("{a:?} and {b:?}"),
    }
    let mut builder = ShardBuilder::new(Name::Compute, Limits::default(), Unverifiable::Accept);
    if builder.push(bytes).is_ok() {
        let _ = builder.finish();
    }
});
