//! ClientHello (RFC 5246 section 7.4.1.2, RFC 6347 section 4.2.1).

use super::Random;
use super::extensions::{self, MaxFragmentLength};
use crate::alert::Alert;
use crate::crypto::{CipherSuite, NamedGroup, SIGNATURE_SCHEMES};
use crate::error::Error;
use crate::reader::Reader;
use crate::record::VERSION;
use crate::writer;

/// Maximum length of a ClientHello. Those of modern clients with large key shares have some 2,000 bytes.
pub(crate) const MAX_CLIENT_HELLO: usize = 8 << 10;

/// The beginning of a ClientHello, up to the cookie. Its cost does not depend on the length of the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientHelloPrefix<'a> {
    pub(crate) cookie: &'a [u8],
    /// Version, random and session id: what the cookie covers, since it is always in the first fragment.
    pub(crate) covered: &'a [u8],
}

impl<'a> ClientHelloPrefix<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(body);
        reader.bytes(2 + size_of::<Random>())?;
        let session_id = reader.vector8()?;
        let before = body.len() - reader.0.len();
        let cookie = reader.vector8()?;
        (session_id.len() <= 32).then_some(Self { cookie, covered: &body[..before] })
    }
}

/// A received ClientHello.
#[derive(Clone, Debug)]
pub(crate) struct ClientHello {
    pub(crate) version: u16,
    pub(crate) random: Random,
    /// The supported cipher suites, in the client's order.
    pub(crate) suites: Vec<CipherSuite>,
    pub(crate) groups: Vec<NamedGroup>,
    /// All signature schemes, including unknown ones.
    pub(crate) schemes: Vec<u16>,
    pub(crate) extended_master_secret: bool,
    /// True if the client supports secure renegotiation, by the extension or the signaling cipher suite (RFC 5746).
    pub(crate) renegotiation_info: bool,
    /// True if the client sent `ec_point_formats`, so that the server may do so too.
    pub(crate) has_point_formats: bool,
    /// The requested maximum content of records (RFC 6066 section 4).
    pub(crate) max_fragment_length: Option<MaxFragmentLength>,
}

/// The signaling cipher suite in place of an empty `renegotiation_info` (RFC 5746 section 3.3).
const EMPTY_RENEGOTIATION_INFO_SCSV: u16 = 0x00FF;

const MALFORMED: Error = Error::PeerMisbehaved(Alert::DECODE_ERROR, "malformed ClientHello");

impl ClientHello {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader(body);
        let (mut hello, compressions) = Self::read(&mut reader).ok_or(MALFORMED)?;
        if !compressions.contains(&0) {
            return Err(Error::PeerMisbehaved(
                Alert::ILLEGAL_PARAMETER,
                "the client requires compression",
            ));
        }
        for (number, content) in extensions::read(&mut reader).ok_or(MALFORMED)? {
            hello.read_extension(number, content)?;
        }
        Ok(hello)
    }

    /// Decodes everything before the extensions. Returns the compression methods separately.
    fn read<'a>(reader: &mut Reader<'a>) -> Option<(Self, &'a [u8])> {
        let (version, random) = (reader.u16()?, reader.array()?);
        let session_id = reader.vector8()?;
        // The cookie.
        reader.vector8()?;
        let suites = reader.list16()?;
        let compressions = reader.vector8()?;
        let hello = Self {
            version,
            random,
            suites: suites.clone().filter_map(CipherSuite::from_number).collect(),
            // The defaults without the extensions (RFC 8422 section 5.1, RFC 5246 section 7.4.1.4.1). Without
            // `signature_algorithms` a client expects SHA-1, which is not supported.
            groups: vec![NamedGroup::Secp256r1],
            schemes: Vec::new(),
            extended_master_secret: false,
            renegotiation_info: suites.clone().any(|suite| suite == EMPTY_RENEGOTIATION_INFO_SCSV),
            has_point_formats: false,
            max_fragment_length: None,
        };
        (session_id.len() <= 32 && !compressions.is_empty()).then_some((hello, compressions))
    }

    fn read_extension(&mut self, number: u16, content: &[u8]) -> Result<(), Error> {
        let mut reader = Reader(content);
        match number {
            extensions::SUPPORTED_GROUPS => {
                let groups = reader.list16().ok_or(MALFORMED)?;
                self.groups = groups.filter_map(NamedGroup::from_number).collect();
            }
            extensions::EC_POINT_FORMATS => {
                self.has_point_formats = true;
                extensions::read_point_formats(&mut reader, MALFORMED)?;
            }
            extensions::SIGNATURE_ALGORITHMS => {
                self.schemes = reader.list16().ok_or(MALFORMED)?.collect();
            }
            extensions::EXTENDED_MASTER_SECRET => self.extended_master_secret = true,
            extensions::RENEGOTIATION_INFO => {
                self.renegotiation_info = true;
                extensions::read_renegotiation_info(&mut reader, MALFORMED)?;
            }
            extensions::MAX_FRAGMENT_LENGTH => {
                let number = reader.u8().ok_or(MALFORMED)?;
                let length = MaxFragmentLength::from_number(number).ok_or(
                    Error::PeerMisbehaved(Alert::ILLEGAL_PARAMETER, "invalid max_fragment_length"),
                )?;
                self.max_fragment_length = Some(length);
            }
            // `server_name` is ignored too: some clients send an empty one.
            _ => return Ok(()),
        }
        if reader.is_empty() { Ok(()) } else { Err(MALFORMED) }
    }
}

/// Builds a ClientHello.
#[derive(Debug)]
pub(crate) struct ClientHelloBuilder<'a> {
    pub(crate) random: Random,
    pub(crate) cookie: &'a [u8],
    pub(crate) server_name: Option<&'a str>,
}

impl ClientHelloBuilder<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        writer::u16(&mut out, VERSION);
        out.extend_from_slice(&self.random);
        // No session to resume.
        out.push(0);
        writer::vector::<1>(&mut out, |out| out.extend_from_slice(self.cookie));
        writer::vector::<2>(&mut out, |out| {
            for suite in CipherSuite::ALL {
                writer::u16(out, suite as u16);
            }
        });
        // No compression.
        out.extend_from_slice(&[1, 0]);
        writer::vector::<2>(&mut out, |out| self.encode_extensions(out));
        out
    }

    fn encode_extensions(&self, out: &mut Vec<u8>) {
        if let Some(name) = self.server_name {
            extensions::write(out, extensions::SERVER_NAME, |out| {
                writer::vector::<2>(out, |out| {
                    // `host_name`.
                    out.push(0);
                    writer::vector::<2>(out, |out| out.extend_from_slice(name.as_bytes()));
                });
            });
        }
        extensions::write(out, extensions::SUPPORTED_GROUPS, |out| {
            writer::vector::<2>(out, |out| {
                for group in NamedGroup::ALL {
                    writer::u16(out, group as u16);
                }
            });
        });
        extensions::write(out, extensions::EC_POINT_FORMATS, |out| {
            writer::vector::<1>(out, |out| out.push(extensions::UNCOMPRESSED));
        });
        extensions::write(out, extensions::SIGNATURE_ALGORITHMS, encode_signature_schemes);
        extensions::write(out, extensions::EXTENDED_MASTER_SECRET, |_| {});
        extensions::write(out, extensions::RENEGOTIATION_INFO, |out| out.push(0));
    }
}

/// Encodes the supported signature schemes.
pub(super) fn encode_signature_schemes(out: &mut Vec<u8>) {
    writer::vector::<2>(out, |out| {
        for scheme in SIGNATURE_SCHEMES {
            writer::u16(out, scheme as u16);
        }
    });
}
