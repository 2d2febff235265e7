//! A client.

use super::wire::{HANDSHAKE, extension, message, messages, record, records, vector};
use super::{CLIENT, Keys, SERVER};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use lodewire_dtls::{
    AcceptError, ClientHelloVerification, Connection, CookieGenerator, ServerConfig,
};
use std::net::SocketAddr;
use std::time::Instant;

/// What a client offers.
pub(crate) struct Hello {
    pub(crate) version: u16,
    pub(crate) compressions: Vec<u8>,
    pub(crate) extensions: Vec<Vec<u8>>,
    /// Behind the extensions.
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

    /// The same with one extension more, or another instead of the one of this number.
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

/// A client, and the server that it talks to.
pub(crate) struct ForeignClient {
    pub(crate) now: Instant,
    pub(crate) server: Connection,
    pub(crate) transcript: Vec<u8>,
    /// The server's flight.
    pub(crate) offer: Vec<(u8, u16, Vec<u8>)>,
    private: PrivateKey,
    pub(crate) keys: Option<Keys>,
    pub(crate) next_message: u16,
    next_record: u64,
}

pub(crate) fn address() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 7], 7000))
}

pub(crate) fn work(connection: &mut Connection, now: Instant) {
    while let Some(job) = connection.poll_job() {
        connection.handle_job_output(now, job.run());
    }
}

pub(crate) fn sent(connection: &mut Connection) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| connection.poll_transmit()).collect()
}

/// The cookie of an answer.
pub(crate) fn cookie(answer: &ClientHelloVerification) -> Vec<u8> {
    match answer {
        ClientHelloVerification::HelloVerifyRequest(answer) => answer[28..].to_vec(),
        other => panic!("{other:?}"),
    }
}

impl ForeignClient {
    /// Says hello, and takes the server's flight.
    pub(crate) fn begin(config: ServerConfig, hello: &Hello) -> Result<Self, AcceptError> {
        let now = Instant::now();
        let mut cookies = CookieGenerator::new(now).expect("randomness");
        let first = record(HANDSHAKE, 0, 0, &message(1, 0, &hello.body(&[])));
        let cookie = cookie(&cookies.verify_client_hello(now, address(), &first));
        let second = message(1, 1, &hello.body(&cookie));
        let datagram = record(HANDSHAKE, 0, 1, &second);
        let ClientHelloVerification::Verified(proven) =
            cookies.verify_client_hello(now, address(), &datagram)
        else {
            panic!("the cookie is wrong")
        };
        let server = Connection::accept(now, config, proven)?;
        let mut client = Self::of(now, server, second);
        client.take_offer();
        Ok(client)
    }

    pub(crate) fn of(now: Instant, server: Connection, hello: Vec<u8>) -> Self {
        let private = PrivateKey::generate(&ECDH_P256).expect("a key");
        Self {
            now,
            server,
            transcript: hello,
            offer: Vec::new(),
            private,
            keys: None,
            next_message: 2,
            next_record: 10,
        }
    }

    pub(crate) fn take_offer(&mut self) {
        work(&mut self.server, self.now);
        self.offer = messages(&sent(&mut self.server));
        for (kind, sequence, body) in &self.offer {
            self.transcript.extend(message(*kind, *sequence, body));
        }
    }

    /// Our public key: an uncompressed point.
    pub(crate) fn public(&self) -> Vec<u8> {
        self.private.compute_public_key().expect("a key").as_ref().to_vec()
    }

    /// Sends a message in epoch 0.
    pub(crate) fn say(&mut self, kind: u8, body: &[u8]) {
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
        work(&mut self.server, self.now);
    }

    /// Sends a record of epoch 1.
    pub(crate) fn send_sealed(&mut self, content_type: u8, content: &[u8]) {
        let keys = self.keys.as_mut().expect("keys");
        let mut datagram = keys.seal(CLIENT, content_type, content);
        self.server.handle_datagram(self.now, &mut datagram);
        work(&mut self.server, self.now);
    }

    /// Sends the ClientKeyExchange, and makes the keys.
    pub(crate) fn exchange_keys(&mut self) {
        self.say(16, &vector::<1>(&self.public()));
        let exchange = &self.offer.iter().find(|(kind, ..)| *kind == 12).expect("a key").2;
        let theirs = UnparsedPublicKey::new(&ECDH_P256, exchange[4..69].to_vec());
        let server_random = &self.offer[0].2[2..34];
        let transcript = &self.transcript;
        let keys = agree(&self.private, theirs, "no point", |secret| {
            Ok(Keys::new(secret, transcript, &Hello::RANDOM, server_random))
        });
        self.keys = Some(keys.expect("a point"));
    }

    /// Sends another ClientKeyExchange in the place of the last one.
    pub(crate) fn exchange_other_keys(&mut self) {
        let len = message(16, 2, &vector::<1>(&self.public())).len();
        self.transcript.truncate(self.transcript.len() - len);
        self.next_message -= 1;
        self.private = PrivateKey::generate(&ECDH_P256).expect("a key");
        self.exchange_keys();
    }

    /// The Finished that belongs to the messages so far.
    pub(crate) fn finished(&self) -> Vec<u8> {
        self.keys.as_ref().expect("keys").finished(CLIENT, &self.transcript)
    }

    pub(crate) fn finish(&mut self) {
        let body = self.finished();
        let finished = message(20, self.next_message, &body);
        self.next_message += 1;
        self.send_sealed(HANDSHAKE, &finished);
    }

    /// A client that is connected.
    pub(crate) fn connected(config: ServerConfig) -> Self {
        let mut client = Self::begin(config, &Hello::new()).expect("something in common");
        client.exchange_keys();
        client.finish();
        assert_eq!(client.server.state(), &lodewire_dtls::State::Connected);
        sent(&mut client.server);
        client
    }

    /// The last alert that the server has sent: its epoch, level and description.
    pub(crate) fn alert(&mut self) -> Option<(u16, u8, u8)> {
        let records = records(&sent(&mut self.server));
        let record = records.into_iter().rfind(|record| record.content_type == 21)?;
        let content = match (record.epoch, &self.keys) {
            (1, Some(keys)) => keys.open(SERVER, &record),
            _ => record.content,
        };
        Some((record.epoch, content[0], content[1]))
    }
}
