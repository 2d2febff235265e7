//! ClientHello (RFC 5246 section 7.4.1.2, RFC 6347 section 4.2.1).

use super::Random;
use super::extensions::{self, MaxFragmentLength};
use crate::alert::Alert;
use crate::crypto::{Group, SCHEMES, Suite};
use crate::error::Error;
use crate::reader::Reader;
use crate::record::VERSION;
use crate::writer;

/// The longest that is read: modern clients with large keys say some 2,000 bytes.
pub(crate) const LONGEST_HELLO: usize = 8 << 10;

/// What a ClientHello begins with, as far as a cookie needs it: it costs the same however long the hello is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HelloStart<'a> {
    pub(crate) cookie: &'a [u8],
    /// Version, random and session: the cookie is made of them, since all of them stand in the first fragment.
    pub(crate) before_cookie: &'a [u8],
}

impl<'a> HelloStart<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(body);
        reader.bytes(2 + size_of::<Random>())?;
        let session_id = reader.vector8()?;
        let before = body.len() - reader.0.len();
        let cookie = reader.vector8()?;
        (session_id.len() <= 32).then_some(Self { cookie, before_cookie: &body[..before] })
    }
}

/// A client asks for a connection.
#[derive(Clone, Debug)]
pub(crate) struct ClientHello {
    pub(crate) version: u16,
    pub(crate) random: Random,
    /// Those that are known here, in the client's order.
    pub(crate) suites: Vec<Suite>,
    pub(crate) groups: Vec<Group>,
    /// All, since other numbers may be asked of the list.
    pub(crate) schemes: Vec<u16>,
    pub(crate) extended_master_secret: bool,
    /// It knows of secure renegotiation (RFC 5746), by the extension or by the suite that stands for it.
    pub(crate) renegotiation_info: bool,
    /// It has told its point formats, so that the server may tell its own.
    pub(crate) has_point_formats: bool,
    /// It wants records to carry no more (RFC 6066 section 4).
    pub(crate) max_fragment_length: Option<MaxFragmentLength>,
}

/// The suite that stands for an empty `renegotiation_info`.
const EMPTY_RENEGOTIATION_INFO: u16 = 0x00FF;

const UNREADABLE: Error = Error::Protocol(Alert::DECODE_ERROR, "a ClientHello that cannot be read");

impl ClientHello {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader(body);
        let (mut hello, compressions) = Self::read(&mut reader).ok_or(UNREADABLE)?;
        if !compressions.contains(&0) {
            return Err(Error::Protocol(Alert::ILLEGAL_PARAMETER, "the client wants compression"));
        }
        for (number, content) in extensions::read(&mut reader).ok_or(UNREADABLE)? {
            hello.read_extension(number, content)?;
        }
        Ok(hello)
    }

    /// Reads what stands before the extensions, with the methods of compression.
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
            suites: suites.clone().filter_map(Suite::from_number).collect(),
            // What a client without the extension takes (RFC 8422 section 5.1, RFC 5246 section 7.4.1.4.1); SHA-1 is not
            // signed with here.
            groups: vec![Group::Secp256r1],
            schemes: Vec::new(),
            extended_master_secret: false,
            renegotiation_info: suites.clone().any(|suite| suite == EMPTY_RENEGOTIATION_INFO),
            has_point_formats: false,
            max_fragment_length: None,
        };
        (session_id.len() <= 32 && !compressions.is_empty()).then_some((hello, compressions))
    }

    fn read_extension(&mut self, number: u16, content: &[u8]) -> Result<(), Error> {
        let mut reader = Reader(content);
        match number {
            extensions::SUPPORTED_GROUPS => {
                let groups = reader.list16().ok_or(UNREADABLE)?;
                self.groups = groups.filter_map(Group::from_number).collect();
            }
            extensions::EC_POINT_FORMATS => {
                self.has_point_formats = true;
                extensions::read_point_formats(&mut reader, UNREADABLE)?;
            }
            extensions::SIGNATURE_ALGORITHMS => {
                self.schemes = reader.list16().ok_or(UNREADABLE)?.collect();
            }
            extensions::EXTENDED_MASTER_SECRET => self.extended_master_secret = true,
            extensions::RENEGOTIATION_INFO => {
                self.renegotiation_info = true;
                extensions::read_renegotiation_info(&mut reader, UNREADABLE)?;
            }
            extensions::MAX_FRAGMENT_LENGTH => {
                let number = reader.u8().ok_or(UNREADABLE)?;
                let length = MaxFragmentLength::from_number(number).ok_or(Error::Protocol(
                    Alert::ILLEGAL_PARAMETER,
                    "a max_fragment_length that does not exist",
                ))?;
                self.max_fragment_length = Some(length);
            }
            // What a server name says is of no account here, and some send an empty one.
            _ => return Ok(()),
        }
        if reader.is_empty() { Ok(()) } else { Err(UNREADABLE) }
    }
}

/// What this client asks for.
#[derive(Debug)]
pub(crate) struct NewClientHello<'a> {
    pub(crate) random: Random,
    pub(crate) cookie: &'a [u8],
    pub(crate) server_name: Option<&'a str>,
}

impl NewClientHello<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        writer::u16(&mut out, VERSION);
        out.extend_from_slice(&self.random);
        // No session to go on with.
        out.push(0);
        writer::vector::<1>(&mut out, |out| out.extend_from_slice(self.cookie));
        writer::vector::<2>(&mut out, |out| {
            for suite in Suite::ALL {
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
                    // A host's name.
                    out.push(0);
                    writer::vector::<2>(out, |out| out.extend_from_slice(name.as_bytes()));
                });
            });
        }
        extensions::write(out, extensions::SUPPORTED_GROUPS, |out| {
            writer::vector::<2>(out, |out| {
                for group in Group::ALL {
                    writer::u16(out, group as u16);
                }
            });
        });
        extensions::write(out, extensions::EC_POINT_FORMATS, |out| {
            writer::vector::<1>(out, |out| out.push(extensions::UNCOMPRESSED));
        });
        extensions::write(out, extensions::SIGNATURE_ALGORITHMS, encode_schemes);
        extensions::write(out, extensions::EXTENDED_MASTER_SECRET, |_| {});
        extensions::write(out, extensions::RENEGOTIATION_INFO, |out| out.push(0));
    }
}

/// The schemes that are known here.
pub(super) fn encode_schemes(out: &mut Vec<u8>) {
    writer::vector::<2>(out, |out| {
        for scheme in SCHEMES {
            writer::u16(out, scheme as u16);
        }
    });
}
