//! Public keys of the key exchange (RFC 8422 sections 5.1.2 and 5.4).

use super::*;

/// Returns encodings of a point other than the uncompressed one.
fn others(point: &[u8]) -> [Vec<u8>; 5] {
    let odd = point[64] & 1;
    let mut compressed = vec![2 | odd];
    compressed.extend_from_slice(&point[1..33]);
    let mut hybrid = point.to_vec();
    hybrid[0] = 6 | odd;
    // `SubjectPublicKeyInfo`: the algorithm, and P-256.
    let mut der =
        vec![0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
    der.extend_from_slice(&[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]);
    der.extend_from_slice(&[0x03, 0x42, 0x00]);
    der.extend_from_slice(point);
    [compressed, hybrid, der, [point, &[0]].concat(), point[..64].to_vec()]
}

#[test]
fn only_uncompressed_points_of_the_exact_length_are_accepted() {
    let server = foreign_server(client_config());
    for public in others(&server.public()) {
        let server_flight =
            ServerParameters { public: Some(public.clone()), ..ServerParameters::new() };
        assert_eq!(
            flight_rejection(client_config(), &server_flight),
            Alert::ILLEGAL_PARAMETER,
            "{public:x?}"
        );
    }
    let client = ForeignClient::begin(server_config(), &Hello::new()).expect("a server");
    for public in others(&client.public()) {
        let mut client = ForeignClient::begin(server_config(), &Hello::new()).expect("a server");
        client.send_message(16, &foreign::wire::vector::<1>(&public));
        let alert = handle_job_failure(&mut client.server, client.now);
        assert_eq!(alert, Alert::ILLEGAL_PARAMETER, "{public:x?}");
    }
}
