//! The server's side of the handshake (RFC 5246 section 7.3, RFC 6347 section 4.2).

use crate::alert::Alert;
use crate::config::ServerConfig;
use crate::crypto::{Group, KeyShare, MasterSecret, Scheme, Side, Suite, check_key, verify};
use crate::error::Error;
use crate::exchange::{Exchange, Progress};
use crate::handshake::{Message, MessageType};
use crate::job::{Done, Ends, Failure, Job};
use crate::messages::{
    Certificate, CertificateRequest, ClientHello, ClientKeyExchange, DigitallySigned, EcdheParams,
    MaxFragmentLength, NewServerHello, Random, new_random, randoms,
};
use crate::reader::Reader;
use crate::record::VERSION;
use aws_lc_rs::constant_time;
use rustls_pki_types::CertificateDer;
use std::sync::Arc;
use std::time::Instant;
use zeroize::Zeroizing;

/// The server's side of a handshake.
#[derive(Debug)]
pub(crate) struct Server {
    config: ServerConfig,
    terms: Terms,
    /// The key for this handshake, once there is one.
    share: Option<Arc<KeyShare>>,
    step: Step,
}

/// What was agreed on with the hellos.
#[derive(Clone, Copy, Debug)]
struct Terms {
    client_random: Random,
    random: Random,
    suite: Suite,
    extended_master_secret: bool,
    renegotiation_info: bool,
    point_formats: bool,
    max_fragment_length: Option<MaxFragmentLength>,
}

/// What is waited for.
#[derive(Debug)]
enum Step {
    /// A job: the key for this handshake.
    Key,
    /// The client's certificate, if it has to show one.
    Certificate,
    KeyExchange(Vec<CertificateDer<'static>>),
    /// With the client's key.
    CertificateVerify(Vec<CertificateDer<'static>>, Vec<u8>),
    /// A job: the secret.
    Secret,
    Finished(Ends, Vec<CertificateDer<'static>>),
    Over,
}

impl Server {
    /// Takes the hello of a client, with a first job.
    pub(crate) fn begin(
        config: ServerConfig,
        message: &Message,
        exchange: &mut Exchange,
    ) -> Result<(Self, Job), Error> {
        let hello = ClientHello::parse(&message.body)?;
        let (suite, group, scheme) = choose(&config, &hello)?;
        let random = new_random()?;
        message.encode(&mut exchange.transcript);
        if let Some(length) = hello.max_fragment_length {
            exchange.records.set_longest(length.bytes());
        }
        let terms = Terms {
            client_random: hello.random,
            random,
            suite,
            extended_master_secret: hello.extended_master_secret,
            renegotiation_info: hello.renegotiation_info,
            point_formats: hello.has_point_formats,
            max_fragment_length: hello.max_fragment_length,
        };
        let identity = config.identity.clone();
        let job = Job::new(move || {
            let share = KeyShare::new(group)?;
            let mut body = EcdheParams { group, public: &share.public }.encode();
            let mut signed = randoms(&terms.client_random, &terms.random).to_vec();
            signed.extend_from_slice(&body);
            let signature = identity.key.sign(scheme, &signed)?;
            DigitallySigned { scheme, signature: &signature }.encode(&mut body);
            Ok(Done::ServerKey { share, exchange: body })
        });
        Ok((Self { config, terms, share: None, step: Step::Key }, job))
    }

    /// Takes the next message.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        message: &Message,
        exchange: &mut Exchange,
    ) -> Result<Progress, Error> {
        let body = &message.body[..];
        let step = std::mem::replace(&mut self.step, Step::Over);
        self.step = match (message.kind, step) {
            (MessageType::Certificate, Step::Certificate) => {
                Step::KeyExchange(Certificate::parse(body)?)
            }
            (MessageType::ClientKeyExchange, Step::KeyExchange(chain)) => {
                // It is looked at here, so that what is no key is neither kept nor costs a job.
                let public = ClientKeyExchange::parse(body).ok_or(Error::Protocol(
                    Alert::DECODE_ERROR,
                    "a ClientKeyExchange that cannot be read",
                ))?;
                let public = public.public.to_vec();
                message.encode(&mut exchange.transcript);
                if chain.is_empty() {
                    let job = self.agree(chain, public, None, message.sequence, exchange)?;
                    return Ok(Progress::Job(job));
                }
                self.step = Step::CertificateVerify(chain, public);
                return Ok(Progress::None);
            }
            (MessageType::CertificateVerify, Step::CertificateVerify(chain, key)) => {
                let job = self.agree(chain, key, Some(message), message.sequence, exchange)?;
                message.encode(&mut exchange.transcript);
                return Ok(Progress::Job(job));
            }
            (MessageType::Finished, Step::Finished(ends, chain)) => {
                if constant_time::verify_slices_are_equal(&*ends.client, body).is_err() {
                    return Err(Error::Protocol(
                        Alert::DECRYPT_ERROR,
                        "the client has seen another handshake",
                    ));
                }
                exchange.send_finished(now, Vec::new(), &*ends.server)?;
                exchange.answered();
                return Ok(Progress::Connected(chain));
            }
            _ => return Err(Error::OUT_OF_TURN),
        };
        message.encode(&mut exchange.transcript);
        Ok(Progress::None)
    }

    /// Agrees with the client on a secret, checks who it is, and derives all that comes of the secret. The messages so far end
    /// with the ClientKeyExchange, whose key is `public`; the client's last one before the Finished is `last`.
    fn agree(
        &mut self,
        chain: Vec<CertificateDer<'static>>,
        public: Vec<u8>,
        signature: Option<&Message>,
        last: u16,
        exchange: &Exchange,
    ) -> Result<Job, Error> {
        let share = self.share.clone().ok_or(Error::Internal("there is no key yet"))?;
        self.step = Step::Secret;
        let (terms, verifier) = (self.terms, self.config.client_verifier.clone());
        let signature = signature.map(|message| {
            let mut encoded = Vec::new();
            message.encode(&mut encoded);
            (message.body.clone(), encoded)
        });
        let finished_sequence = last.wrapping_add(1);
        let mut transcript = exchange.transcript.clone();
        Ok(Job::new(move || {
            if let (Some(verifier), Some((signature, _))) = (verifier, &signature) {
                let unreadable =
                    Error::Protocol(Alert::DECODE_ERROR, "a CertificateVerify that cannot be read");
                let signed = DigitallySigned::parse(Reader(signature), unreadable)?;
                verify(&chain[0], signed.scheme, &transcript, signed.signature)?;
                // Who has signed our random has seen our flight. Whether it is the right one is another question.
                let verdict = check_key(&chain[0]).and_then(|()| verifier.verify(&chain));
                verdict.map_err(|why| Failure::Certain(Error::Certificate(why)))?;
            }
            let premaster = share.agree(&public)?;
            let master = if terms.extended_master_secret {
                MasterSecret::extended(terms.suite, &premaster, &transcript)
            } else {
                MasterSecret::new(terms.suite, &premaster, &terms.client_random, &terms.random)
            };
            if let Some((_, encoded)) = signature {
                transcript.extend_from_slice(&encoded);
            }
            let client = Zeroizing::new(master.verify_data(Side::Client, &transcript));
            let kind = MessageType::Finished;
            let finished = Message { kind, sequence: finished_sequence, body: client.to_vec() };
            finished.encode(&mut transcript);
            let server = Zeroizing::new(master.verify_data(Side::Server, &transcript));
            let keys = master.key_block(&terms.client_random, &terms.random);
            Ok(Done::ServerSecret { keys, ends: Ends { client, server }, chain })
        }))
    }

    /// The client's flight begins again.
    pub(crate) fn rewind(&mut self) {
        if self.share.is_some() {
            self.step = self.first_step();
        }
    }

    /// What the client's flight begins with.
    fn first_step(&self) -> Step {
        if self.config.client_verifier.is_some() {
            Step::Certificate
        } else {
            Step::KeyExchange(Vec::new())
        }
    }

    /// Goes on when a job is done.
    pub(crate) fn resume(
        &mut self,
        now: Instant,
        done: Done,
        exchange: &mut Exchange,
    ) -> Result<(), Error> {
        self.step = match (done, std::mem::replace(&mut self.step, Step::Over)) {
            (Done::ServerKey { share, exchange: body }, Step::Key) => {
                self.send_offer(now, body, exchange)?;
                self.share = Some(Arc::new(share));
                self.first_step()
            }
            (Done::ServerSecret { keys, ends, chain }, Step::Secret) => {
                exchange.set_keys(&keys, Side::Server)?;
                Step::Finished(ends, chain)
            }
            _ => return Err(Error::Internal("an outcome that nobody waits for")),
        };
        Ok(())
    }

    fn send_offer(&self, now: Instant, key: Vec<u8>, exchange: &mut Exchange) -> Result<(), Error> {
        let Terms { random, suite, .. } = self.terms;
        let hello = NewServerHello {
            random,
            suite,
            extended_master_secret: self.terms.extended_master_secret,
            renegotiation_info: self.terms.renegotiation_info,
            point_formats: self.terms.point_formats,
            max_fragment_length: self.terms.max_fragment_length,
        };
        let chain = Certificate::encode(&self.config.identity.chain);
        let mut items = vec![
            exchange.message(MessageType::ServerHello, hello.encode()),
            exchange.message(MessageType::Certificate, chain),
            exchange.message(MessageType::ServerKeyExchange, key),
        ];
        if self.config.client_verifier.is_some() {
            let request = CertificateRequest::encode();
            items.push(exchange.message(MessageType::CertificateRequest, request));
        }
        items.push(exchange.message(MessageType::ServerHelloDone, Vec::new()));
        exchange.send_flight(now, items)
    }
}

/// What both sides can.
fn choose(config: &ServerConfig, hello: &ClientHello) -> Result<(Suite, Group, Scheme), Error> {
    // Versions of DTLS count down. Who speaks a newer one is answered with this one (RFC 5246 appendix E.1).
    if hello.version > VERSION {
        return Err(Error::Protocol(Alert::PROTOCOL_VERSION, "the client does not speak DTLS 1.2"));
    }
    let key = &config.identity.key;
    let scheme = key
        .choose(&hello.schemes)
        .ok_or(Error::NoCommonParameters("the client does not take the server's kind of key"))?;
    // RFC 8422 section 5.1.1: the groups are also those of certificates.
    if key.group().is_some_and(|group| !hello.groups.contains(&group)) {
        return Err(Error::NoCommonParameters("the client does not take the curve of the key"));
    }
    let suite = Suite::ALL
        .into_iter()
        .find(|suite| {
            suite.authentication() == key.authentication() && hello.suites.contains(suite)
        })
        .ok_or(Error::NoCommonParameters("the client offers no suite with AEAD and ECDHE"))?;
    let group = Group::ALL
        .into_iter()
        .find(|group| hello.groups.contains(group))
        .ok_or(Error::NoCommonParameters("the client offers no group"))?;
    Ok((suite, group, scheme))
}
