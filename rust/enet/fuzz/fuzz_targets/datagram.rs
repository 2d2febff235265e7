//! Datagrams of any bytes: what is parsed is written as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_enet::wire::{Commands, Header};

fuzz_target!(|data: &[u8]| {
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
