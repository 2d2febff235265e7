use super::*;
use crate::crypto::{MasterSecret, Suite};

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
            let record = super::super::header::records(&out).next().expect("a record");
            let mut room = Vec::new();
            let got = reader.open(&record.header, record.fragment, &mut room).expect("keys");
            assert_eq!(got, Some(content));
            let got = other.open(&record.header, record.fragment, &mut room).expect("keys");
            assert_eq!(got, None);
            for index in [0, 3, 10, 13, out.len() - 1] {
                let mut forged = out.clone();
                forged[index] ^= 1;
                let Some(record) = super::super::header::records(&forged).next() else { continue };
                let got = reader.open(&record.header, record.fragment, &mut room).expect("keys");
                assert_eq!(got, None, "{suite:?} with byte {index} changed");
            }
        }
    }
}
