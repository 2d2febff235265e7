//! A scripted peer, independent of the crate: DTLS 1.2 with P-256, AES-128-GCM and the extended master secret.
#![allow(clippy::expect_used, clippy::panic, dead_code, reason = "a test, which may need less")]

pub(crate) mod client;
pub(crate) mod server;
pub(crate) mod wire;

use aws_lc_rs::{aead, digest, hmac};
use wire::record;

/// The keys of both directions.
pub(crate) struct Keys {
    master: Vec<u8>,
    /// The client's, and the server's.
    aeads: [aead::LessSafeKey; 2],
    ivs: [[u8; 4]; 2],
    /// The next sequence number of each side.
    pub(crate) sequences: [u64; 2],
}

pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;

fn prf(secret: &[u8], label: &str, seed: &[u8], len: usize) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let seed = [label.as_bytes(), seed].concat();
    let (mut a, mut out) = (seed.clone(), Vec::new());
    while out.len() < len {
        a = hmac::sign(&key, &a).as_ref().to_vec();
        out.extend_from_slice(hmac::sign(&key, &[&a[..], &seed].concat()).as_ref());
    }
    out.truncate(len);
    out
}

impl Keys {
    /// Derives the keys from the premaster secret and the messages up to the ClientKeyExchange.
    fn new(premaster: &[u8], transcript: &[u8], client: &[u8], server: &[u8]) -> Self {
        let session = digest::digest(&digest::SHA256, transcript);
        let master = prf(premaster, "extended master secret", session.as_ref(), 48);
        let block = prf(&master, "key expansion", &[server, client].concat(), 40);
        let key = |bytes: &[u8]| {
            let key = aead::UnboundKey::new(&aead::AES_128_GCM, bytes).expect("16 bytes");
            aead::LessSafeKey::new(key)
        };
        Self {
            aeads: [key(&block[..16]), key(&block[16..32])],
            ivs: [
                block[32..36].try_into().expect("4 bytes"),
                block[36..].try_into().expect("4 bytes"),
            ],
            master,
            sequences: [0; 2],
        }
    }

    fn finished(&self, side: usize, transcript: &[u8]) -> Vec<u8> {
        let label = ["client finished", "server finished"][side];
        let hash = digest::digest(&digest::SHA256, transcript);
        prf(&self.master, label, hash.as_ref(), 12)
    }

    /// Encrypts a record of epoch 1 of this side.
    pub(crate) fn encrypt(&mut self, side: usize, content_type: u8, content: &[u8]) -> Vec<u8> {
        let sequence = self.sequences[side];
        self.sequences[side] += 1;
        let number = (1_u64 << 48 | sequence).to_be_bytes();
        let len = u16::try_from(content.len()).expect("short").to_be_bytes();
        let aad = [&number[..], &[content_type, 0xFE, 0xFD], &len].concat();
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&self.ivs[side]);
        nonce[4..].copy_from_slice(&number);
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let mut sealed = content.to_vec();
        let aad = aead::Aad::from(aad);
        self.aeads[side].seal_in_place_append_tag(nonce, aad, &mut sealed).expect("sealed");
        record(content_type, 1, sequence, &[&number[..], &sealed].concat())
    }

    /// Decrypts a record of epoch 1 of this side.
    pub(crate) fn decrypt(&self, side: usize, record: &wire::Record) -> Vec<u8> {
        let number = (1_u64 << 48 | record.sequence).to_be_bytes();
        let len = u16::try_from(record.content.len() - 24).expect("short").to_be_bytes();
        let aad = [&number[..], &[record.content_type, 0xFE, 0xFD], &len].concat();
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&self.ivs[side]);
        nonce[4..].copy_from_slice(&record.content[..8]);
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let mut sealed = record.content[8..].to_vec();
        let opened = self.aeads[side].open_in_place(nonce, aead::Aad::from(aad), &mut sealed);
        opened.expect("authentic").to_vec()
    }
}
