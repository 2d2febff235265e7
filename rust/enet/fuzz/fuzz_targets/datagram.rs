//! Arbitrary datagrams: encoding returns the bytes that were parsed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_cost::{Counting, spent};
use lodewire_enet::wire::{Commands, Header};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fuzz_target!(|data: &[u8]| {
    let before = spent();
    if let Some((_, rest)) = Header::parse(data) {
        assert!(Commands::new(rest).count() <= rest.len());
    }
    assert_eq!(spent().since(before).bytes, 0, "parsing borrows");
    let Some((header, rest)) = Header::parse(data) else { return };
    assert_eq!(&header.encode()[..header.encoded_len()], &data[..data.len() - rest.len()]);
    let mut written = Vec::new();
    for command in Commands::new(rest) {
        let begin = written.len();
        command.encode(&mut written);
        let again = Commands::new(&written[begin..]).next();
        assert_eq!(again, Some(command));
    }
    assert!(written.len() <= rest.len());
});
