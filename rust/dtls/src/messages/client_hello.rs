//! ClientHello (RFC 5246 section 7.4.1.2, RFC 6347 section 4.2.1).

use super::{Random, extensions};
use crate::crypto::{Group, SCHEMES, Suite};
use crate::reader::Reader;
use crate::record::VERSION;
use crate::writer;

/// A client asks for a connection.
#[derive(Clone, Debug)]
pub(crate) struct ClientHello<'a> {
    pub(crate) version: u16,
    pub(crate) random: Random,
    pub(crate) cookie: &'a [u8],
    /// What stands before the cookie, and after it: the cookie is made of them.
    pub(crate) before_cookie: &'a [u8],
    pub(crate) after_cookie: &'a [u8],
    /// Those that are known here, in the client's order.
    pub(crate) suites: Vec<Suite>,
    /// The client takes records that are not compressed.
    pub(crate) takes_uncompressed: bool,
    pub(crate) groups: Vec<Group>,
    /// All, since other numbers may be asked of the list.
    pub(crate) schemes: Vec<u16>,
    /// It takes points that are not compressed.
    pub(crate) takes_uncompressed_points: bool,
    pub(crate) extended_master_secret: bool,
    /// It knows of secure renegotiation (RFC 5746), by the extension or by the suite that stands for it.
    pub(crate) renegotiation_info: bool,
    /// It says that this is a renegotiation.
    pub(crate) renegotiates: bool,
    /// It has told its point formats, so that the server may tell its own.
    pub(crate) has_point_formats: bool,
}

/// The suite that stands for an empty `renegotiation_info`.
const EMPTY_RENEGOTIATION_INFO: u16 = 0x00FF;

impl<'a> ClientHello<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let (version, random) = (reader.u16()?, reader.array()?);
        let session_id = reader.vector8()?;
        let before = body.len() - reader.0.len();
        let cookie = reader.vector8()?;
        let after_cookie = reader.0;
        let suites = reader.list16()?;
        let compressions = reader.vector8()?;
        let mut hello = Self {
            version,
            random,
            cookie,
            before_cookie: &body[..before],
            after_cookie,
            suites: suites.clone().filter_map(Suite::from_number).collect(),
            takes_uncompressed: compressions.contains(&0),
            // What a client without the extension takes (RFC 8422 section 5.1, RFC 5246 section 7.4.1.4.1); SHA-1 is not
            // signed with here.
            groups: vec![Group::Secp256r1],
            schemes: Vec::new(),
            takes_uncompressed_points: true,
            extended_master_secret: false,
            renegotiation_info: suites.clone().any(|suite| suite == EMPTY_RENEGOTIATION_INFO),
            renegotiates: false,
            has_point_formats: false,
        };
        for (number, content) in extensions::read(&mut reader)? {
            hello.read_extension(number, content)?;
        }
        (session_id.len() <= 32 && suites.count() > 0).then_some(hello)
    }

    fn read_extension(&mut self, number: u16, content: &[u8]) -> Option<()> {
        let mut reader = Reader(content);
        match number {
            extensions::SUPPORTED_GROUPS => {
                self.groups = reader.list16()?.filter_map(Group::from_number).collect();
            }
            extensions::EC_POINT_FORMATS => {
                self.has_point_formats = true;
                self.takes_uncompressed_points =
                    reader.vector8()?.contains(&extensions::UNCOMPRESSED);
            }
            extensions::SIGNATURE_ALGORITHMS => self.schemes = reader.list16()?.collect(),
            extensions::EXTENDED_MASTER_SECRET => self.extended_master_secret = true,
            extensions::RENEGOTIATION_INFO => {
                self.renegotiation_info = true;
                self.renegotiates = !reader.vector8()?.is_empty();
            }
            // What a server name says is of no account here, and some send an empty one.
            _ => return Some(()),
        }
        reader.is_empty().then_some(())
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
