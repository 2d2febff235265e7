//! A scripted server, which sends no HelloVerifyRequest.

use super::client::{run_jobs, take_datagrams};
use super::wire::{HANDSHAKE, extension, message, messages, record, records, vector};
use super::{CLIENT, Keys, SERVER};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use lodewire_dtls::{ClientConfig, Connection};
use std::time::Instant;

/// The parameters of a server's flight.
pub(crate) struct ServerParameters {
    pub(crate) version: u16,
    pub(crate) extensions: Vec<Vec<u8>>,
    /// Bytes after the extensions.
    pub(crate) trailing: Vec<u8>,
    pub(crate) curve: [u8; 3],
    /// A public key in place of the right one.
    pub(crate) public: Option<Vec<u8>>,
    pub(crate) scheme: [u8; 2],
    pub(crate) request: Option<Vec<u8>>,
}

impl ServerParameters {
    pub(crate) fn new() -> Self {
        Self {
            version: 0xFEFD,
            extensions: vec![extension(23, &[])],
            trailing: Vec::new(),
            curve: [3, 0, 23],
            public: None,
            scheme: [4, 3],
            request: None,
        }
    }

    /// Adds an extension to the defaults.
    pub(crate) fn with(number: u16, content: &[u8]) -> Self {
        let mut parameters = Self::new();
        parameters.extensions.push(extension(number, content));
        parameters
    }
}

/// A scripted server, and the client under test.
pub(crate) struct ForeignServer {
    pub(crate) now: Instant,
    pub(crate) client: Connection,
    pub(crate) random: [u8; 32],
    transcript: Vec<u8>,
    private: PrivateKey,
    signer: EcdsaKeyPair,
    chain: Vec<Vec<u8>>,
    pub(crate) keys: Option<Keys>,
    next_message: u16,
    next_record: u64,
    client_random: Vec<u8>,
}

impl ForeignServer {
    /// Receives the client's ClientHello. The key is for P-256, as PKCS #8.
    pub(crate) fn begin(config: ClientConfig, chain: Vec<Vec<u8>>, key: &[u8]) -> Self {
        let now = Instant::now();
        let mut client = Connection::connect(now, config).expect("random bytes");
        let hello = &messages(&take_datagrams(&mut client))[0].2.clone();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        Self {
            now,
            client,
            random: [0xA5; 32],
            transcript: message(1, 0, hello),
            private: PrivateKey::generate(&ECDH_P256).expect("a key"),
            signer: EcdsaKeyPair::from_pkcs8(algorithm, key).expect("a key"),
            chain,
            keys: None,
            next_message: 0,
            next_record: 0,
            client_random: hello[2..34].to_vec(),
        }
    }

    pub(crate) fn public(&self) -> Vec<u8> {
        self.private.compute_public_key().expect("a key").as_ref().to_vec()
    }

    /// Returns the messages of its flight.
    pub(crate) fn flight(&self, parameters: &ServerParameters) -> Vec<(u8, Vec<u8>)> {
        let hello = [
            &parameters.version.to_be_bytes()[..],
            &self.random,
            &vector::<1>(&[]),
            &[0xC0, 0x2B, 0],
            &vector::<2>(&parameters.extensions.concat()),
            &parameters.trailing,
        ]
        .concat();
        let chain: Vec<u8> = self.chain.iter().flat_map(|one| vector::<3>(one)).collect();
        let public = parameters.public.clone().unwrap_or_else(|| self.public());
        let params = [&parameters.curve[..], &vector::<1>(&public)].concat();
        let signed = [&self.client_random[..], &self.random, &params].concat();
        let signature = self.signer.sign(&SystemRandom::new(), &signed).expect("signed");
        let exchange = [&params[..], &parameters.scheme, &vector::<2>(signature.as_ref())].concat();
        let mut flight = vec![(2, hello), (11, vector::<3>(&chain)), (12, exchange)];
        flight.extend(parameters.request.clone().map(|request| (13, request)));
        flight.push((14, Vec::new()));
        flight
    }

    /// Sends its flight, each message as one record.
    pub(crate) fn send_flight(&mut self, parameters: &ServerParameters) {
        for (kind, body) in self.flight(parameters) {
            self.send_message(kind, &body);
        }
    }

    pub(crate) fn send_message(&mut self, kind: u8, body: &[u8]) {
        let message = message(kind, self.next_message, body);
        self.next_message += 1;
        self.transcript.extend_from_slice(&message);
        self.send(HANDSHAKE, &message);
    }

    pub(crate) fn send(&mut self, content_type: u8, content: &[u8]) {
        let mut datagram = record(content_type, 0, self.next_record, content);
        self.next_record += 1;
        self.client.handle_datagram(self.now, &mut datagram);
        run_jobs(&mut self.client, self.now);
    }

    pub(crate) fn send_encrypted(&mut self, content_type: u8, content: &[u8]) {
        let mut datagram = self.keys.as_mut().expect("keys").encrypt(SERVER, content_type, content);
        self.client.handle_datagram(self.now, &mut datagram);
        run_jobs(&mut self.client, self.now);
    }

    /// Receives the client's flight, and completes the handshake.
    pub(crate) fn finish(&mut self) {
        let datagrams = take_datagrams(&mut self.client);
        let mut keys = None;
        for (kind, sequence, body) in messages(&datagrams) {
            self.transcript.extend(message(kind, sequence, &body));
            if kind == 16 {
                let theirs = UnparsedPublicKey::new(&ECDH_P256, body[1..].to_vec());
                let test_key = agree(&self.private, theirs, "no point", |secret| {
                    Ok(Keys::new(secret, &self.transcript, &self.client_random, &self.random))
                });
                keys = Some(test_key.expect("a point"));
            }
        }
        let keys = keys.expect("a key");
        let sealed = records(&datagrams).into_iter().find(|record| record.epoch == 1);
        let finished = keys.decrypt(CLIENT, &sealed.expect("a Finished"));
        self.transcript.extend_from_slice(&finished);
        let body = keys.finished(SERVER, &self.transcript);
        self.keys = Some(keys);
        let finished = message(20, self.next_message, &body);
        self.next_message += 1;
        self.send_encrypted(HANDSHAKE, &finished);
        assert_eq!(self.client.state(), &lodewire_dtls::State::Connected);
    }

    /// Returns the last alert that the client has sent: its epoch, level and description.
    pub(crate) fn alert(&mut self) -> Option<(u16, u8, u8)> {
        let records = records(&take_datagrams(&mut self.client));
        let record = records.into_iter().rfind(|record| record.content_type == 21)?;
        let content = match (record.epoch, &self.keys) {
            (1, Some(keys)) => keys.decrypt(CLIENT, &record),
            _ => record.content,
        };
        Some((record.epoch, content[0], content[1]))
    }
}
