use super::*;
use crate::crypto::{CipherSuite, MasterSecret};
use crate::record::header::MAX_PLAINTEXT;

/// Decrypts the first record of a datagram.
fn decrypted(decrypter: &mut RecordDecrypter, datagram: &[u8]) -> Option<Vec<u8>> {
    let mut datagram = datagram.to_vec();
    let record = super::super::header::records(&mut datagram).next()?;
    decrypter.decrypt(&record.header, record.fragment).expect("keys").map(<[u8]>::to_vec)
}

#[test]
fn only_the_peer_decrypts_and_no_byte_may_change() {
    for suite in CipherSuite::ALL {
        let block =
            MasterSecret::new(suite, &[7; 32], &[1; 32], &[2; 32]).key_block(&[1; 32], &[2; 32]);
        let mut encrypter = RecordEncrypter::new(&block, Side::Client).expect("keys");
        let mut reader = RecordDecrypter::new(&block, Side::Client).expect("keys");
        let mut other = RecordDecrypter::new(&block, Side::Server).expect("keys");
        let mut out = Vec::new();
        for content in [&b""[..], b"x", &[3; MAX_PLAINTEXT]] {
            out.clear();
            encrypter.encrypt(ContentType::ApplicationData, content, &mut out).expect("encrypted");
            assert_eq!(out.len(), content.len() + encrypter.overhead());
            assert_eq!(decrypted(&mut reader, &out).as_deref(), Some(content));
            assert_eq!(decrypted(&mut other, &out), None);
            for index in [0, 3, 10, 13, out.len() - 1] {
                let mut forged = out.clone();
                forged[index] ^= 1;
                assert_eq!(
                    decrypted(&mut reader, &forged),
                    None,
                    "{suite:?} with byte {index} changed"
                );
            }
        }
    }
}
