//! Writes seed inputs of each target into `corpus/`, so that a fuzzer starts with valid messages:
//! `cargo run --bin seeds`.

use lodewire_websocket::{
    ClientHandshake, ClientRequest, Connection, DeflateOptions, IncomingRequest, Message, Role,
    ServerHandshake,
};
use std::fs;
use std::io;

const TEXT: &str = "{\"x\": 1.5, \"y\": 2.5, \"name\": \"Zoë\"} ";

fn write(target: &str, name: &str, prefix: &[u8], bytes: &[u8]) -> io::Result<()> {
    let folder = format!("corpus/{target}");
    fs::create_dir_all(&folder)?;
    fs::write(format!("{folder}/{name}"), [prefix, bytes].concat())
}

fn request() -> (ClientHandshake, Vec<u8>) {
    let request = ClientRequest {
        host: "game.example:9080".to_owned(),
        target: "/lobby?room=1".to_owned(),
        protocols: vec!["a".to_owned(), "b".to_owned()],
        headers: vec![("Origin".to_owned(), "https://game.example".to_owned())],
        deflate: Some(DeflateOptions::default()),
    };
    let mut wire = Vec::new();
    let handshake = ClientHandshake::new(request, *b"the sample nonce", &mut wire).expect("valid");
    (handshake, wire)
}

/// Returns messages of both types, a ping between fragments, and a Close frame.
fn conversation(mut connection: Connection) -> Vec<u8> {
    let mut wire = Vec::new();
    connection.send(Message::Text(TEXT), &mut wire);
    connection.send(Message::Binary(TEXT.repeat(20).as_bytes()), &mut wire);
    connection.send(Message::Binary(b""), &mut wire);
    connection.ping(b"are you there?", &mut wire);
    connection.send(Message::Text(&TEXT.repeat(20)), &mut wire);
    connection.close(lodewire_websocket::CloseCode::NORMAL, "bye", &mut wire);
    wire
}

fn main() -> io::Result<()> {
    let (mut client, wire) = request();
    write("handshake", "request", &[7], &wire)?;
    let (_, request) = ServerHandshake::new().receive(&wire).expect("valid");
    let request = request.and_then(IncomingRequest::upgrade).expect("whole");
    let agreed = request.negotiate_deflate(&DeflateOptions::default());
    let mut answer = Vec::new();
    request.accept(Some("a"), agreed.as_ref(), &[], &mut answer);
    client.receive(&answer).expect("valid");

    for (name, role, other) in [("server", Role::Client, 0), ("client", Role::Server, 1)] {
        let open = || match role {
            Role::Client => Connection::client(4096, || Some([1, 2, 3, 4])),
            Role::Server => Connection::server(4096),
        };
        let plain = conversation(open());
        write("connection", name, &[other | 6], &plain)?;
        let mut connection = open();
        agreed.iter().for_each(|agreed| connection.set_deflate(agreed.clone()));
        let compressed = conversation(connection);
        write("inflate", name, &[other | 8, 5], &compressed)?;
        if role == Role::Server {
            write("client", "compressed", &[9], &[answer.clone(), compressed].concat())?;
        }
    }
    // RFC 7692 sections 7.2.3.1 to 7.2.3.5: "Hello" in one block, twice, without compression, and with BFINAL.
    let hello = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    let again = [0xF2, 0x00, 0x11, 0x00, 0x00];
    let stored = [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00];
    let last = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00];
    let two = [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00];
    for (name, payload) in
        [("hello", &hello[..]), ("stored", &stored), ("last", &last), ("two", &two)]
    {
        let frame = [&[0xC1, payload.len() as u8], payload].concat();
        let then = [&[0xC1, again.len() as u8][..], &again].concat();
        write("inflate", name, &[0, 3], &[frame, then].concat())?;
    }
    write(
        "deflate",
        "words",
        &[0, 0],
        b"\x00\x05\x1FHello\x02\x05\x1FHello\x03\x05\x1FHello\x04\x00\x00",
    )?;
    Ok(())
}
