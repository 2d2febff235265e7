//! Round trips of compressed messages with all parameters that two endpoints can negotiate: each message is unchanged,
//! whatever the earlier ones.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_websocket::{
    ClientHandshake, ClientRequest, Connection, DeflateOptions, Event, IncomingRequest, Message,
    PreparedMessage, ServerHandshake,
};

const LIMIT: usize = 1 << 20;

fn options(choice: u8) -> DeflateOptions {
    DeflateOptions {
        window_bits: 9 + (choice >> 2) % 7,
        context_takeover: choice & 1 == 0,
        peer_context_takeover: choice & 2 == 0,
        threshold: usize::from(choice >> 5) * 16,
        ..DeflateOptions::default()
    }
}

/// Returns a client and a server after their handshake.
fn pair(client: DeflateOptions, server: &DeflateOptions) -> (Connection, Connection) {
    let request = ClientRequest {
        host: "x".to_owned(),
        target: "/".to_owned(),
        deflate: Some(client),
        ..ClientRequest::default()
    };
    let mut wire = Vec::new();
    let mut handshake = ClientHandshake::new(request, [7; 16], &mut wire).expect("valid");
    let (_, request) = ServerHandshake::new().receive(&wire).expect("valid");
    let request = request.and_then(IncomingRequest::upgrade).expect("whole");
    let agreed = request.negotiate_deflate(server).expect("acceptable");
    let mut answer = Vec::new();
    request.accept(None, Some(&agreed), &[], &mut answer);
    let (_, response) = handshake.receive(&answer).expect("valid");
    let response = response.expect("whole");
    let mut mask = 0_u32;
    let keys = move || {
        mask = mask.wrapping_add(0x0102_0304);
        Some(mask.to_be_bytes())
    };
    let mut ends = (Connection::client(LIMIT, keys), Connection::server(LIMIT));
    ends.0.set_deflate(response.deflate.expect("agreed"));
    ends.1.set_deflate(agreed);
    ends
}

fn arrives(at: &mut Connection, mut wire: Vec<u8>, payload: &[u8]) {
    let mut from = 0;
    let mut arrived = None;
    while from < wire.len() {
        let (used, event) = at.receive(&mut wire[from..]).expect("our own frames");
        from += used;
        if let Some(Event::Message { payload, .. }) = event {
            arrived = Some(payload.into_owned());
        }
    }
    assert_eq!(arrived.as_deref(), Some(payload));
}

fuzz_target!(|data: &[u8]| {
    let [client, server, rest @ ..] = data else {
        return;
    };
    let (mut client, mut server) = pair(options(*client), &options(*server));
    let mut rest = rest;
    while let [how, len, times, after @ ..] = rest {
        let len = usize::from(*len).min(after.len());
        let (word, after) = after.split_at(len);
        // Long messages from a few bytes.
        let payload = word.repeat(usize::from(*times % 32) + 1);
        let mut wire = Vec::new();
        match how % 5 {
            0 | 1 => {
                client.send(Message::Binary(&payload), &mut wire);
                arrives(&mut server, wire, &payload);
            }
            2 => {
                server.send(Message::Binary(&payload), &mut wire);
                arrives(&mut client, wire, &payload);
            }
            3 => {
                let mut message = PreparedMessage::new(Message::Binary(&payload));
                server.send_prepared(&mut message, &mut wire);
                arrives(&mut client, wire, &payload);
            }
            _ => server.release_compressor(),
        }
        rest = after;
    }
});
