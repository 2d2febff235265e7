//! Offers and responses of both roles.

use super::*;

fn offered(offer: &str, options: &DeflateOptions) -> Option<NegotiatedDeflate> {
    negotiate(&Extension::list([offer].into_iter())?, options)
}

fn options() -> DeflateOptions {
    DeflateOptions::default()
}

#[test]
fn each_offer_gets_its_response() {
    let ours = |window_bits, context_takeover, peer_context_takeover| DeflateOptions {
        window_bits,
        context_takeover,
        peer_context_takeover,
        ..options()
    };
    let all = ours(15, true, true);
    for (offer, options, answer) in [
        ("permessage-deflate", &all, "permessage-deflate"),
        ("Permessage-Deflate", &all, "permessage-deflate"),
        ("permessage-deflate; client_max_window_bits", &all, "permessage-deflate"),
        ("permessage-deflate; client_max_window_bits=8", &all, "permessage-deflate"),
        (
            "permessage-deflate; server_no_context_takeover",
            &all,
            "permessage-deflate; server_no_context_takeover",
        ),
        (
            "permessage-deflate; client_no_context_takeover",
            &all,
            "permessage-deflate; client_no_context_takeover",
        ),
        (
            "permessage-deflate; server_max_window_bits=\"10\"",
            &all,
            "permessage-deflate; server_max_window_bits=10",
        ),
        (
            "permessage-deflate; server_max_window_bits=15",
            &ours(12, true, true),
            "permessage-deflate; server_max_window_bits=12",
        ),
        ("permessage-deflate", &ours(12, true, true), "permessage-deflate"),
        (
            "permessage-deflate",
            &ours(15, false, false),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ),
        // The first offer is not acceptable, the second is.
        (
            "permessage-deflate; server_max_window_bits=8, permessage-deflate",
            &all,
            "permessage-deflate",
        ),
        (
            "x-webkit-deflate-frame, permessage-deflate; unknown, permessage-deflate; \
             server_max_window_bits=9",
            &all,
            "permessage-deflate; server_max_window_bits=9",
        ),
    ] {
        let negotiated = offered(offer, options).unwrap_or_else(|| panic!("{offer} is declined"));
        assert_eq!(negotiated.response_header(), answer, "{offer}");
    }
}

#[test]
fn invalid_offers_are_declined() {
    for parameter in [
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=8",
        "server_max_window_bits=16",
        "server_max_window_bits=010",
        "server_max_window_bits=+10",
        "server_max_window_bits=300",
        "server_max_window_bits=x",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=\"08\"",
        "client_max_window_bits; client_max_window_bits=10",
        "client_max_window_bits; client_max_window_bits",
        "server_no_context_takeover=1",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover=x",
        "client_no_context_takeover; client_no_context_takeover",
        "unknown",
        "Server_no_context_takeover",
        "server_max_window_bits=",
    ] {
        assert_eq!(offered(&format!("permessage-deflate; {parameter}"), &options()), None);
    }
    for none in ["", "permessage-deflat", "permessage-deflate;", "permessage-deflate x"] {
        assert_eq!(offered(none, &options()), None, "{none}");
    }
}

#[test]
fn an_offer_contains_the_options() {
    assert_eq!(options().offer_header(), "permessage-deflate; client_max_window_bits");
    let small = DeflateOptions {
        window_bits: 3,
        context_takeover: false,
        peer_context_takeover: false,
        ..options()
    };
    assert_eq!(
        small.offer_header(),
        "permessage-deflate; client_max_window_bits=9; client_no_context_takeover; \
         server_no_context_takeover"
    );
}

#[test]
fn each_response_is_accepted_or_rejected() {
    let understood = |answer: &str, options: &DeflateOptions| {
        let list = Extension::list([answer].into_iter()).expect("a list");
        accept_response(&list[0], options)
    };
    let plain = NegotiatedDeflate::new(&options());
    for (answer, negotiated) in [
        ("", plain.clone()),
        ("; server_max_window_bits=8", NegotiatedDeflate { peer_window_bits: 8, ..plain.clone() }),
        ("; client_max_window_bits=10", NegotiatedDeflate { window_bits: 10, ..plain.clone() }),
        ("; client_max_window_bits=8", NegotiatedDeflate { window_bits: 8, ..plain.clone() }),
        (
            "; client_no_context_takeover",
            NegotiatedDeflate { context_takeover: false, ..plain.clone() },
        ),
        (
            "; server_no_context_takeover",
            NegotiatedDeflate { peer_context_takeover: false, ..plain.clone() },
        ),
    ] {
        let answer = format!("permessage-deflate{answer}");
        assert_eq!(understood(&answer, &options()), Some(negotiated), "{answer}");
    }
    for answer in [
        "x",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; x=1",
        "permessage-deflate; server_no_context_takeover=1",
    ] {
        assert_eq!(understood(answer, &options()), None, "{answer}");
    }
    let wanted = DeflateOptions { peer_context_takeover: false, ..options() };
    assert_eq!(understood("permessage-deflate", &wanted), None);
    assert!(understood("permessage-deflate; server_no_context_takeover", &wanted).is_some());
}
