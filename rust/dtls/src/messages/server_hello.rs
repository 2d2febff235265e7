//! ServerHello (RFC 5246 section 7.4.1.3).

use super::{Random, extensions};
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
    /// Reads the answer to our own hello: nothing may be in it that was not offered.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader(body);
        if reader.u16().ok_or(UNREADABLE)? != VERSION {
            return Err(Error::NoCommonParameters("the server does not speak DTLS 1.2"));
        }
        let random = reader.array().ok_or(UNREADABLE)?;
        let session_id = reader.vector8().ok_or(UNREADABLE)?;
        let suite = reader.u16().ok_or(UNREADABLE)?;
        let suite = Suite::from_number(suite).ok_or(Error::Protocol(
            Alert::ILLEGAL_PARAMETER,
            "the server has chosen a suite that was not offered",
        ))?;
        if reader.u8() != Some(0) || session_id.len() > 32 {
            return Err(Error::Protocol(
                Alert::ILLEGAL_PARAMETER,
                "the server has chosen a compression",
            ));
        }
        let mut hello = Self { random, suite, extended_master_secret: false };
        for (number, content) in extensions::read(&mut reader).ok_or(UNREADABLE)? {
            let is_right = match number {
                extensions::EXTENDED_MASTER_SECRET => {
                    hello.extended_master_secret = true;
                    content.is_empty()
                }
                extensions::RENEGOTIATION_INFO => content == [0],
                extensions::EC_POINT_FORMATS => content.contains(&extensions::UNCOMPRESSED),
                extensions::SERVER_NAME => content.is_empty(),
                _ => {
                    return Err(Error::Protocol(
                        Alert::UNSUPPORTED_EXTENSION,
                        "an extension that nobody asked for",
                    ));
                }
            };
            if !is_right {
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
