//! ServerHello (RFC 5246 section 7.4.1.3).

use super::Random;
use super::extensions::{self, MaxFragmentLength};
use crate::alert::Alert;
use crate::crypto::Suite;
use crate::error::Error;
use crate::reader::Reader;
use crate::record::VERSION;
use crate::writer;

/// The server has chosen.
#[derive(Debug)]
pub(crate) struct ServerHello {
    pub(crate) random: Random,
    pub(crate) suite: Suite,
    pub(crate) extended_master_secret: bool,
}

const UNREADABLE: Error = Error::Protocol(Alert::DECODE_ERROR, "a ServerHello that cannot be read");

impl ServerHello {
    /// Reads the answer to our own hello: nothing may be in it that was not offered. `named` tells that the hello had a
    /// server's name in it.
    pub(crate) fn parse(body: &[u8], named: bool) -> Result<Self, Error> {
        let mut reader = Reader(body);
        if reader.u16().ok_or(UNREADABLE)? != VERSION {
            return Err(Error::Protocol(
                Alert::PROTOCOL_VERSION,
                "the server does not speak DTLS 1.2",
            ));
        }
        let random = reader.array().ok_or(UNREADABLE)?;
        let session_id = reader.vector8().ok_or(UNREADABLE)?;
        let suite = reader.u16().ok_or(UNREADABLE)?;
        let suite = Suite::from_number(suite).ok_or(Error::Protocol(
            Alert::ILLEGAL_PARAMETER,
            "the server has chosen a suite that was not offered",
        ))?;
        let compression = reader.u8().ok_or(UNREADABLE)?;
        if session_id.len() > 32 {
            return Err(UNREADABLE);
        }
        if compression != 0 {
            return Err(Error::Protocol(
                Alert::ILLEGAL_PARAMETER,
                "the server has chosen a compression",
            ));
        }
        let mut hello = Self { random, suite, extended_master_secret: false };
        for (number, content) in extensions::read(&mut reader).ok_or(UNREADABLE)? {
            let mut reader = Reader(content);
            match number {
                extensions::EXTENDED_MASTER_SECRET => hello.extended_master_secret = true,
                extensions::RENEGOTIATION_INFO => {
                    extensions::read_renegotiation_info(&mut reader, UNREADABLE)?;
                }
                extensions::EC_POINT_FORMATS => {
                    extensions::read_point_formats(&mut reader, UNREADABLE)?;
                }
                extensions::SERVER_NAME if named => {}
                _ => {
                    return Err(Error::Protocol(
                        Alert::UNSUPPORTED_EXTENSION,
                        "an extension that nobody asked for",
                    ));
                }
            }
            if !reader.is_empty() {
                return Err(UNREADABLE);
            }
        }
        Ok(hello)
    }
}

/// What this server has chosen.
#[derive(Debug)]
pub(crate) struct NewServerHello {
    pub(crate) random: Random,
    pub(crate) suite: Suite,
    pub(crate) extended_master_secret: bool,
    pub(crate) renegotiation_info: bool,
    pub(crate) point_formats: bool,
    pub(crate) max_fragment_length: Option<MaxFragmentLength>,
}

impl NewServerHello {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        writer::u16(&mut out, VERSION);
        out.extend_from_slice(&self.random);
        // No session that could be resumed, and no compression.
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
