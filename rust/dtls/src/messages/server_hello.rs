//! ServerHello (RFC 5246 section 7.4.1.3).

use super::Random;
use super::extensions::{self, MaxFragmentLength};
use crate::alert::Alert;
use crate::crypto::CipherSuite;
use crate::error::Error;
use crate::reader::Reader;
use crate::record::VERSION;
use crate::writer;

/// A received ServerHello.
#[derive(Debug)]
pub(crate) struct ServerHello {
    pub(crate) random: Random,
    pub(crate) suite: CipherSuite,
    pub(crate) extended_master_secret: bool,
}

const MALFORMED: Error = Error::PeerMisbehaved(Alert::DECODE_ERROR, "malformed ServerHello");

impl ServerHello {
    /// Decodes the answer to our own ClientHello, which must select only what was offered. `sent_name` is true if the
    /// ClientHello contained `server_name`.
    pub(crate) fn parse(body: &[u8], sent_name: bool) -> Result<Self, Error> {
        let mut reader = Reader(body);
        if reader.u16().ok_or(MALFORMED)? != VERSION {
            return Err(Error::PeerMisbehaved(
                Alert::PROTOCOL_VERSION,
                "the server does not support DTLS 1.2",
            ));
        }
        let random = reader.array().ok_or(MALFORMED)?;
        let session_id = reader.vector8().ok_or(MALFORMED)?;
        let suite = reader.u16().ok_or(MALFORMED)?;
        let suite = CipherSuite::from_number(suite).ok_or(Error::PeerMisbehaved(
            Alert::ILLEGAL_PARAMETER,
            "the server selected a cipher suite that was not offered",
        ))?;
        let compression = reader.u8().ok_or(MALFORMED)?;
        if session_id.len() > 32 {
            return Err(MALFORMED);
        }
        if compression != 0 {
            return Err(Error::PeerMisbehaved(
                Alert::ILLEGAL_PARAMETER,
                "the server selected a compression method",
            ));
        }
        let mut hello = Self { random, suite, extended_master_secret: false };
        for (number, content) in extensions::read(&mut reader).ok_or(MALFORMED)? {
            let mut reader = Reader(content);
            match number {
                extensions::EXTENDED_MASTER_SECRET => hello.extended_master_secret = true,
                extensions::RENEGOTIATION_INFO => {
                    extensions::read_renegotiation_info(&mut reader, MALFORMED)?;
                }
                extensions::EC_POINT_FORMATS => {
                    extensions::read_point_formats(&mut reader, MALFORMED)?;
                }
                extensions::SERVER_NAME if sent_name => {}
                _ => {
                    return Err(Error::PeerMisbehaved(
                        Alert::UNSUPPORTED_EXTENSION,
                        "unsolicited extension",
                    ));
                }
            }
            if !reader.is_empty() {
                return Err(MALFORMED);
            }
        }
        Ok(hello)
    }
}

/// Builds a ServerHello.
#[derive(Debug)]
pub(crate) struct ServerHelloBuilder {
    pub(crate) random: Random,
    pub(crate) suite: CipherSuite,
    pub(crate) extended_master_secret: bool,
    pub(crate) renegotiation_info: bool,
    pub(crate) point_formats: bool,
    pub(crate) max_fragment_length: Option<MaxFragmentLength>,
}

impl ServerHelloBuilder {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        writer::u16(&mut out, VERSION);
        out.extend_from_slice(&self.random);
        // No session that can be resumed, and no compression.
        out.push(0);
        writer::u16(&mut out, self.suite as u16);
        out.push(0);
        let mut list = Vec::new();
        if let Some(length) = self.max_fragment_length {
            extensions::write(&mut list, extensions::MAX_FRAGMENT_LENGTH, |out| {
                out.push(length.number());
            });
        }
        if self.renegotiation_info {
            extensions::write(&mut list, extensions::RENEGOTIATION_INFO, |out| out.push(0));
        }
        if self.extended_master_secret {
            extensions::write(&mut list, extensions::EXTENDED_MASTER_SECRET, |_| {});
        }
        if self.point_formats {
            extensions::write(&mut list, extensions::EC_POINT_FORMATS, |out| {
                writer::vector::<1>(out, |out| out.push(extensions::UNCOMPRESSED));
            });
        }
        if !list.is_empty() {
            writer::vector::<2>(&mut out, |out| out.extend_from_slice(&list));
        }
        out
    }
}
