//! The pseudo-random function and key derivation (RFC 5246 sections 5, 6.3, 7.4.9 and 8.1; RFC 7627).

use super::suite::CipherSuite;
use aws_lc_rs::{constant_time, digest, hmac};
use zeroize::{Zeroize, Zeroizing};

/// The side that a key or `verify_data` belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Computes `PRF(secret, label, seed)` into `out` (RFC 5246 section 5). The seed is passed in parts.
fn prf(algorithm: hmac::Algorithm, secret: &[u8], label: &str, seed: &[&[u8]], out: &mut [u8]) {
    let key = hmac::Key::new(algorithm, secret);
    let sign = |first: &[u8]| {
        let mut context = hmac::Context::with_key(&key);
        context.update(first);
        context
    };
    let label = label.as_bytes();
    let with_seed = |mut context: hmac::Context| {
        context.update(label);
        for part in seed {
            context.update(part);
        }
        context.sign()
    };
    // A(1), A(2), and so on.
    let mut a: Option<hmac::Tag> = None;
    for chunk in out.chunks_mut(algorithm.digest_algorithm().output_len()) {
        let next = match &a {
            None => with_seed(hmac::Context::with_key(&key)),
            Some(last) => sign(last.as_ref()).sign(),
        };
        let block = with_seed(sign(next.as_ref()));
        chunk.copy_from_slice(&block.as_ref()[..chunk.len()]);
        a = Some(next);
    }
}

/// The master secret of a connection.
pub(crate) struct MasterSecret {
    suite: CipherSuite,
    secret: Zeroizing<[u8; 48]>,
}

impl MasterSecret {
    /// Derives the secret from the premaster secret and the randoms (RFC 5246 section 8.1).
    pub(crate) fn new(suite: CipherSuite, premaster: &[u8], client: &[u8], server: &[u8]) -> Self {
        Self::derive(suite, premaster, "master secret", &[client, server])
    }

    /// Derives the secret from the premaster secret and all messages up to the ClientKeyExchange (RFC 7627 section 4).
    pub(crate) fn extended(suite: CipherSuite, premaster: &[u8], messages: &[u8]) -> Self {
        let hash = digest::digest(suite.digest(), messages);
        Self::derive(suite, premaster, "extended master secret", &[hash.as_ref()])
    }

    fn derive(suite: CipherSuite, premaster: &[u8], label: &str, seed: &[&[u8]]) -> Self {
        let mut secret = Zeroizing::new([0; 48]);
        prf(suite.hmac(), premaster, label, seed, &mut *secret);
        Self { suite, secret }
    }

    /// Derives the keys of both directions (RFC 5246 section 6.3).
    pub(crate) fn key_block(&self, client: &[u8], server: &[u8]) -> KeyBlock {
        let aead = self.suite.aead();
        let (key, iv) = (aead.algorithm().key_len(), aead.fixed_iv_len());
        let mut bytes = Zeroizing::new([0; 2 * (32 + 12)]);
        let len = 2 * (key + iv);
        prf(
            self.suite.hmac(),
            &*self.secret,
            "key expansion",
            &[server, client],
            &mut bytes[..len],
        );
        KeyBlock { suite: self.suite, bytes }
    }

    /// Computes the `verify_data` of a Finished after these messages (RFC 5246 section 7.4.9).
    pub(crate) fn verify_data(&self, side: Side, messages: &[u8]) -> [u8; 12] {
        let label = match side {
            Side::Client => "client finished",
            Side::Server => "server finished",
        };
        let hash = digest::digest(self.suite.digest(), messages);
        let mut data = [0; 12];
        prf(self.suite.hmac(), &*self.secret, label, &[hash.as_ref()], &mut data);
        data
    }

    /// Returns true if the `verify_data` of a Finished is right.
    pub(crate) fn verify_finished(&self, side: Side, messages: &[u8], received: &[u8]) -> bool {
        let mut expected = self.verify_data(side, messages);
        let is_equal = constant_time::verify_slices_are_equal(&expected, received).is_ok();
        expected.zeroize();
        is_equal
    }
}

impl std::fmt::Debug for KeyBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyBlock").field("suite", &self.suite).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for MasterSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterSecret").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// The keys of both directions.
pub(crate) struct KeyBlock {
    pub(crate) suite: CipherSuite,
    bytes: Zeroizing<[u8; 88]>,
}

impl KeyBlock {
    /// Returns the write key of a side, and the fixed part of its nonces.
    pub(crate) fn write_key(&self, side: Side) -> (&[u8], &[u8]) {
        let aead = self.suite.aead();
        let (key, iv) = (aead.algorithm().key_len(), aead.fixed_iv_len());
        let (keys, ivs) = self.bytes.split_at(2 * key);
        let second = usize::from(side == Side::Server);
        (&keys[second * key..][..key], &ivs[second * iv..][..iv])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors that were published on the IETF's TLS list; the RFC has none:
    /// <https://mailarchive.ietf.org/arch/msg/tls/fzVCzk-z3FShgGJ6DOXqM1ydxms/>.
    #[test]
    fn prf_matches_published_test_vectors() {
        check(
            hmac::HMAC_SHA256,
            "9bbe436ba940f017b17652849a71db35",
            "a0ba9f936cda311827a6f796ffd5198c",
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9\
             a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa480\
             82d122ee42c5a72e5a5110fff70187347b66",
        );
        check(
            hmac::HMAC_SHA384,
            "b80b733d6ceefcdc71566ea48e5567df",
            "cd665cf6a8447dd6ff8b27555edb7465",
            "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f\
             82b1233c9146a0e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416\
             d473ebc2c5fd4abfdad05d9184259b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e526\
             55c9e9aee691c8f3a26854308d5eaa3be85e0990703d73e56f",
        );
    }

    fn check(algorithm: hmac::Algorithm, secret: &str, seed: &str, expected: &str) {
        let (secret, seed, expected) = (bytes(secret), bytes(seed), bytes(expected));
        let mut out = vec![0; expected.len()];
        prf(algorithm, &secret, "test label", &[&seed[..5], &seed[5..]], &mut out);
        assert_eq!(out, expected);
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
        assert!(rest.is_empty());
        let digit =
            |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        pairs.iter().map(|[a, b]| digit(*a).expect("hex") << 4 | digit(*b).expect("hex")).collect()
    }
}
