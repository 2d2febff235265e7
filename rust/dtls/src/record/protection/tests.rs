use super::*;
use crate::crypto::{MasterSecret, Suite};
use crate::record::header::MAXIMUM_PLAINTEXT;

/// What the first record of a datagram carries.
fn opened(opener: &mut Opener, datagram: &[u8]) -> Option<Vec<u8>> {
    let mut datagram = datagram.to_vec();
    let record = super::super::header::records(&mut datagram).next()?;
    opener.open(&record.header, record.fragment).expect("keys").map(<[u8]>::to_vec)
}

#[test]
fn what_one_side_seals_the_other_opens_and_nobody_else() {
    for suite in Suite::ALL {
        let block =
            MasterSecret::new(suite, &[7; 32], &[1; 32], &[2; 32]).key_block(&[1; 32], &[2; 32]);
        let mut sealer = Sealer::new(&block, Side::Client).expect("keys");
        let mut reader = Opener::new(&block, Side::Client).expect("keys");
        let mut other = Opener::new(&block, Side::Server).expect("keys");
        let mut out = Vec::new();
        for content in [&b""[..], b"x", &[3; MAXIMUM_PLAINTEXT]] {
            out.clear();
            sealer.seal(ContentType::ApplicationData, content, &mut out).expect("sealed");
            assert_eq!(out.len(), content.len() + sealer.overhead());
            assert_eq!(opened(&mut reader, &out).as_deref(), Some(content));
            assert_eq!(opened(&mut other, &out), None);
            for index in [0, 3, 10, 13, out.len() - 1] {
                let mut forged = out.clone();
                forged[index] ^= 1;
                assert_eq!(
                    opened(&mut reader, &forged),
                    None,
                    "{suite:?} with byte {index} changed"
                );
            }
        }
    }
}
