//! A scripted client.

use super::wire::{HANDSHAKE, extension, message, messages, record, records, vector};
use super::{CLIENT, Keys, SERVER};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use lodewire_dtls::{
    AcceptError, ClientHelloVerification, Connection, CookieGenerator, ServerConfig,
};
use std::net::SocketAddr;
use std::time::Instant;

/// The parameters of a ClientHello.
pub(crate) struct Hello {
    pub(crate) version: u16,
    pub(crate) compressions: Vec<u8>,
    pub(crate) extensions: Vec<Vec<u8>>,
    /// Bytes after the extensions.
    pub(crate) trailing: Vec<u8>,
}

impl Hello {
    pub(crate) const RANDOM: [u8; 32] = [0x5A; 32];

    pub(crate) fn new() -> Self {
        Self {
            version: 0xFEFD,
            compressions: vec![0],
            extensions: vec![
                extension(10, &[0, 2, 0, 23]),
                extension(13, &[0, 2, 4, 3]),
                extension(23, &[]),
            ],
            trailing: Vec::new(),
        }
    }

    /// Adds an extension to the defaults, or replaces the one of this number.
    pub(crate) fn with(number: u16, content: &[u8]) -> Self {
        let mut hello = Self::new();
        hello.extensions.retain(|other| other[..2] != number.to_be_bytes());
        hello.extensions.push(extension(number, content));
        hello
    }

    pub(crate) fn body(&self, cookie: &[u8]) -> Vec<u8> {
        [
            &self.version.to_be_bytes()[..],
            &Self::RANDOM,
            &vector::<1>(&[]),
            &vector::<1>(cookie),
            &vector::<2>(&[0xC0, 0x2B]),
            &vector::<1>(&self.compressions),
            &vector::<2>(&self.extensions.concat()),
            &self.trailing,
        ]
        .concat()
    }
}

/// A scripted client, and the server under test.
pub(crate) struct ForeignClient {
    pub(crate) now: Instant,
    pub(crate) server: Connection,
    pub(crate) transcript: Vec<u8>,
    /// The messages of the server's flight.
    pub(crate) server_flight: Vec<(u8, u16, Vec<u8>)>,
    private: PrivateKey,
    pub(crate) keys: Option<Keys>,
    pub(crate) next_message: u16,
    next_record: u64,
}

pub(crate) fn address() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 7], 7000))
}

pub(crate) fn run_jobs(connection: &mut Connection, now: Instant) {
    while let Some(job) = connection.poll_job() {
        connection.handle_job_output(now, job.run());
    }
}

pub(crate) fn take_datagrams(connection: &mut Connection) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| connection.poll_transmit()).collect()
}

/// Returns the cookie of a HelloVerifyRequest.
pub(crate) fn cookie(answer: &ClientHelloVerification) -> Vec<u8> {
    match answer {
        ClientHelloVerification::HelloVerifyRequest(answer) => answer[28..].to_vec(),
        other => panic!("{other:?}"),
    }
}

impl ForeignClient {
    /// Sends both `ClientHello`s, and receives the server's flight.
    pub(crate) fn begin(config: ServerConfig, hello: &Hello) -> Result<Self, AcceptError> {
        let now = Instant::now();
        let mut cookies = CookieGenerator::new(now).expect("random bytes");
        let first = record(HANDSHAKE, 0, 0, &message(1, 0, &hello.body(&[])));
        let cookie = cookie(&cookies.verify_client_hello(now, address(), &first));
        let second = message(1, 1, &hello.body(&cookie));
        let datagram = record(HANDSHAKE, 0, 1, &second);
        let ClientHelloVerification::Verified(verified) =
            cookies.verify_client_hello(now, address(), &datagram)
        else {
            panic!("the cookie is wrong")
        };
        let server = Connection::accept(now, config, verified)?;
        let mut client = Self::of(now, server, second);
        client.receive_server_flight();
        Ok(client)
    }

    pub(crate) fn of(now: Instant, server: Connection, hello: Vec<u8>) -> Self {
        let private = PrivateKey::generate(&ECDH_P256).expect("a key");
        Self {
            now,
            server,
            transcript: hello,
            server_flight: Vec::new(),
            private,
            keys: None,
            next_message: 2,
            next_record: 10,
        }
    }

    pub(crate) fn receive_server_flight(&mut self) {
        run_jobs(&mut self.server, self.now);
        self.server_flight = messages(&take_datagrams(&mut self.server));
        for (kind, sequence, body) in &self.server_flight {
            self.transcript.extend(message(*kind, *sequence, body));
        }
    }

    /// Returns the client's public key, an uncompressed point.
    pub(crate) fn public(&self) -> Vec<u8> {
        self.private.compute_public_key().expect("a key").as_ref().to_vec()
    }

    /// Sends a message in epoch 0.
    pub(crate) fn send_message(&mut self, kind: u8, body: &[u8]) {
        let message = message(kind, self.next_message, body);
        self.next_message += 1;
        self.transcript.extend_from_slice(&message);
        self.send(HANDSHAKE, &message);
    }

    /// Sends a record of epoch 0.
    pub(crate) fn send(&mut self, content_type: u8, content: &[u8]) {
        self.next_record += 1;
        let mut datagram = record(content_type, 0, self.next_record, content);
        self.server.handle_datagram(self.now, &mut datagram);
        run_jobs(&mut self.server, self.now);
    }

    /// Sends a record of epoch 1.
    pub(crate) fn send_encrypted(&mut self, content_type: u8, content: &[u8]) {
        let keys = self.keys.as_mut().expect("keys");
        let mut datagram = keys.encrypt(CLIENT, content_type, content);
        self.server.handle_datagram(self.now, &mut datagram);
        run_jobs(&mut self.server, self.now);
    }

    /// Sends the ClientKeyExchange, and derives the keys.
    pub(crate) fn exchange_keys(&mut self) {
        self.send_message(16, &vector::<1>(&self.public()));
        let exchange = &self.server_flight.iter().find(|(kind, ..)| *kind == 12).expect("a key").2;
        let theirs = UnparsedPublicKey::new(&ECDH_P256, exchange[4..69].to_vec());
        let server_random = &self.server_flight[0].2[2..34];
        let transcript = &self.transcript;
        let keys = agree(&self.private, theirs, "no point", |secret| {
            Ok(Keys::new(secret, transcript, &Hello::RANDOM, server_random))
        });
        self.keys = Some(keys.expect("a point"));
    }

    /// Sends another ClientKeyExchange with the sequence number of the last one.
    pub(crate) fn exchange_other_keys(&mut self) {
        let len = message(16, 2, &vector::<1>(&self.public())).len();
        self.transcript.truncate(self.transcript.len() - len);
        self.next_message -= 1;
        self.private = PrivateKey::generate(&ECDH_P256).expect("a key");
        self.exchange_keys();
    }

    /// Returns the Finished for the messages so far.
    pub(crate) fn finished(&self) -> Vec<u8> {
        self.keys.as_ref().expect("keys").finished(CLIENT, &self.transcript)
    }

    pub(crate) fn finish(&mut self) {
        let body = self.finished();
        let finished = message(20, self.next_message, &body);
        self.next_message += 1;
        self.send_encrypted(HANDSHAKE, &finished);
    }

    /// Returns a client that has completed its handshake.
    pub(crate) fn connected(config: ServerConfig) -> Self {
        let mut client = Self::begin(config, &Hello::new()).expect("an acceptable ClientHello");
        client.exchange_keys();
        client.finish();
        assert_eq!(client.server.state(), &lodewire_dtls::State::Connected);
        take_datagrams(&mut client.server);
        client
    }

    /// Returns the last alert that the server has sent: its epoch, level and description.
    pub(crate) fn alert(&mut self) -> Option<(u16, u8, u8)> {
        let records = records(&take_datagrams(&mut self.server));
        let record = records.into_iter().rfind(|record| record.content_type == 21)?;
        let content = match (record.epoch, &self.keys) {
            (1, Some(keys)) => keys.decrypt(SERVER, &record),
            _ => record.content,
        };
        Some((record.epoch, content[0], content[1]))
    }
}
