//! The server's side of the handshake (RFC 5246 section 7.3, RFC 6347 section 4.2).

use crate::alert::Alert;
use crate::config::ServerConfig;
use crate::crypto::{
    CipherSuite, KeyShare, MasterSecret, NamedGroup, Side, SignatureScheme,
    check_signing_certificate, verify_signature,
};
use crate::error::Error;
use crate::handshake::{Message, MessageType};
use crate::handshake_context::{HandshakeContext, Progress};
use crate::job::{Completed, FinishedData, Job, JobError};
use crate::messages::{
    Certificate, CertificateRequest, ClientHello, ClientKeyExchange, DigitallySigned, EcdheParams,
    MaxFragmentLength, Random, ServerHelloBuilder, new_random, randoms,
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
    parameters: NegotiatedParameters,
    /// The ephemeral key, once it is generated.
    share: Option<Arc<KeyShare>>,
    state: State,
}

/// The parameters that were negotiated with ClientHello and ServerHello.
#[derive(Clone, Copy, Debug)]
struct NegotiatedParameters {
    client_random: Random,
    random: Random,
    suite: CipherSuite,
    extended_master_secret: bool,
    renegotiation_info: bool,
    point_formats: bool,
    max_fragment_length: Option<MaxFragmentLength>,
}

/// The message or job that is expected next.
#[derive(Debug)]
enum State {
    /// The output of the job that generates the ephemeral key.
    AwaitKeyShare,
    /// The client's certificate, if one is requested.
    ExpectCertificate,
    ExpectClientKeyExchange(Vec<CertificateDer<'static>>),
    /// With the client's public key.
    ExpectCertificateVerify(Vec<CertificateDer<'static>>, Vec<u8>),
    /// The output of the key exchange job.
    AwaitMasterSecret,
    ExpectFinished(FinishedData, Vec<CertificateDer<'static>>),
    Done,
}

impl Server {
    /// Starts the handshake with a ClientHello. Returns the job that generates and signs the ephemeral key.
    pub(crate) fn start(
        config: ServerConfig,
        message: &Message,
        context: &mut HandshakeContext,
    ) -> Result<(Self, Job), Error> {
        let hello = ClientHello::parse(&message.body)?;
        let (suite, group, scheme) = negotiate(&config, &hello)?;
        let random = new_random()?;
        message.encode(&mut context.transcript);
        if let Some(length) = hello.max_fragment_length {
            context.records.set_max_fragment_len(length.bytes());
        }
        let parameters = NegotiatedParameters {
            client_random: hello.random,
            random,
            suite,
            extended_master_secret: hello.extended_master_secret,
            renegotiation_info: hello.renegotiation_info,
            point_formats: hello.has_point_formats,
            max_fragment_length: hello.max_fragment_length,
        };
        let certified_key = config.certified_key.clone();
        let job = Job::new(move || {
            let share = KeyShare::new(group)?;
            let mut body = EcdheParams { group, public: &share.public }.encode();
            let mut signed = randoms(&parameters.client_random, &parameters.random).to_vec();
            signed.extend_from_slice(&body);
            let signature = certified_key.key.sign(scheme, &signed)?;
            DigitallySigned { scheme, signature: &signature }.encode(&mut body);
            Ok(Completed::ServerKey { share, key_exchange: body })
        });
        Ok((Self { config, parameters, share: None, state: State::AwaitKeyShare }, job))
    }

    /// Handles the next message.
    pub(crate) fn handle_message(
        &mut self,
        now: Instant,
        message: &Message,
        context: &mut HandshakeContext,
    ) -> Result<Progress, Error> {
        let body = &message.body[..];
        let state = std::mem::replace(&mut self.state, State::Done);
        self.state = match (message.kind, state) {
            (MessageType::Certificate, State::ExpectCertificate) => {
                State::ExpectClientKeyExchange(Certificate::parse(body)?)
            }
            (MessageType::ClientKeyExchange, State::ExpectClientKeyExchange(chain)) => {
                // Decoded here, so that a malformed key is neither stored nor costs a job.
                let public = ClientKeyExchange::parse(body).ok_or(Error::PeerMisbehaved(
                    Alert::DECODE_ERROR,
                    "malformed ClientKeyExchange",
                ))?;
                let public = public.public.to_vec();
                message.encode(&mut context.transcript);
                if chain.is_empty() {
                    let job =
                        self.key_exchange_job(chain, public, None, message.sequence, context)?;
                    return Ok(Progress::Job(job));
                }
                self.state = State::ExpectCertificateVerify(chain, public);
                return Ok(Progress::None);
            }
            (MessageType::CertificateVerify, State::ExpectCertificateVerify(chain, key)) => {
                let job =
                    self.key_exchange_job(chain, key, Some(message), message.sequence, context)?;
                message.encode(&mut context.transcript);
                return Ok(Progress::Job(job));
            }
            (MessageType::Finished, State::ExpectFinished(finished, chain)) => {
                if constant_time::verify_slices_are_equal(&*finished.client, body).is_err() {
                    return Err(Error::PeerMisbehaved(
                        Alert::DECRYPT_ERROR,
                        "Finished verify_data mismatch",
                    ));
                }
                context.send_finished(now, Vec::new(), &*finished.server)?;
                context.stop_retransmission();
                return Ok(Progress::Connected(chain));
            }
            _ => return Err(Error::UNEXPECTED),
        };
        message.encode(&mut context.transcript);
        Ok(Progress::None)
    }

    /// Returns the job that verifies the client, and derives the master secret, keys and `verify_data`. The transcript ends
    /// with the ClientKeyExchange, which contains `public`; `last` is the client's last message before the Finished.
    fn key_exchange_job(
        &mut self,
        chain: Vec<CertificateDer<'static>>,
        public: Vec<u8>,
        signature: Option<&Message>,
        last: u16,
        context: &HandshakeContext,
    ) -> Result<Job, Error> {
        let share = self.share.clone().ok_or(Error::Internal("no ephemeral key yet"))?;
        self.state = State::AwaitMasterSecret;
        let (parameters, verifier) = (self.parameters, self.config.client_verifier.clone());
        let signature = signature.map(|message| {
            let mut encoded = Vec::new();
            message.encode(&mut encoded);
            (message.body.clone(), encoded)
        });
        let finished_sequence = last.wrapping_add(1);
        let mut transcript = context.transcript.clone();
        Ok(Job::new(move || {
            if let (Some(verifier), Some((signature, _))) = (verifier, &signature) {
                let malformed =
                    Error::PeerMisbehaved(Alert::DECODE_ERROR, "malformed CertificateVerify");
                let signed = DigitallySigned::parse(Reader(signature), malformed)?;
                verify_signature(&chain[0], signed.scheme, &transcript, signed.signature)?;
                // Whoever signed our random received our flight: from here on, a failure is final.
                let verdict =
                    check_signing_certificate(&chain[0]).and_then(|()| verifier.verify(&chain));
                verdict.map_err(|error| JobError::Fatal(Error::Certificate(error)))?;
            }
            let premaster = share.derive_shared_secret(&public)?;
            // Both hellos had the extension, or not (RFC 7627 section 5.2).
            let master = if parameters.extended_master_secret {
                MasterSecret::extended(parameters.suite, &premaster, &transcript)
            } else {
                MasterSecret::new(
                    parameters.suite,
                    &premaster,
                    &parameters.client_random,
                    &parameters.random,
                )
            };
            if let Some((_, encoded)) = signature {
                transcript.extend_from_slice(&encoded);
            }
            let client = Zeroizing::new(master.verify_data(Side::Client, &transcript));
            let kind = MessageType::Finished;
            let finished = Message { kind, sequence: finished_sequence, body: client.to_vec() };
            finished.encode(&mut transcript);
            let server = Zeroizing::new(master.verify_data(Side::Server, &transcript));
            let keys = master.key_block(&parameters.client_random, &parameters.random);
            Ok(Completed::ServerSecret { keys, finished: FinishedData { client, server }, chain })
        }))
    }

    /// Restarts the client's flight.
    pub(crate) fn rewind(&mut self) {
        if self.share.is_some() {
            self.state = self.first_state();
        }
    }

    /// Returns the state at the start of the client's flight.
    fn first_state(&self) -> State {
        if self.config.client_verifier.is_some() {
            State::ExpectCertificate
        } else {
            State::ExpectClientKeyExchange(Vec::new())
        }
    }

    /// Continues with the output of a job.
    pub(crate) fn handle_job_output(
        &mut self,
        now: Instant,
        completed: Completed,
        context: &mut HandshakeContext,
    ) -> Result<(), Error> {
        self.state = match (completed, std::mem::replace(&mut self.state, State::Done)) {
            (Completed::ServerKey { share, key_exchange: body }, State::AwaitKeyShare) => {
                self.send_server_flight(now, body, context)?;
                self.share = Some(Arc::new(share));
                self.first_state()
            }
            (Completed::ServerSecret { keys, finished, chain }, State::AwaitMasterSecret) => {
                context.set_keys(&keys, Side::Server)?;
                State::ExpectFinished(finished, chain)
            }
            _ => return Err(Error::Internal("unexpected job output")),
        };
        Ok(())
    }

    fn send_server_flight(
        &self,
        now: Instant,
        key: Vec<u8>,
        context: &mut HandshakeContext,
    ) -> Result<(), Error> {
        let NegotiatedParameters { random, suite, .. } = self.parameters;
        let hello = ServerHelloBuilder {
            random,
            suite,
            extended_master_secret: self.parameters.extended_master_secret,
            renegotiation_info: self.parameters.renegotiation_info,
            point_formats: self.parameters.point_formats,
            max_fragment_length: self.parameters.max_fragment_length,
        };
        let chain = Certificate::encode(&self.config.certified_key.chain);
        let mut items = vec![
            context.message(MessageType::ServerHello, hello.encode()),
            context.message(MessageType::Certificate, chain),
            context.message(MessageType::ServerKeyExchange, key),
        ];
        if self.config.client_verifier.is_some() {
            let request = CertificateRequest::encode();
            items.push(context.message(MessageType::CertificateRequest, request));
        }
        items.push(context.message(MessageType::ServerHelloDone, Vec::new()));
        context.send_flight(now, items)
    }
}

/// Negotiates the cipher suite, the group and the signature scheme.
fn negotiate(
    config: &ServerConfig,
    hello: &ClientHello,
) -> Result<(CipherSuite, NamedGroup, SignatureScheme), Error> {
    // Versions of DTLS count down. A client of a newer version is answered with this one (RFC 5246 appendix E.1).
    if hello.version > VERSION {
        return Err(Error::PeerMisbehaved(
            Alert::PROTOCOL_VERSION,
            "the client does not support DTLS 1.2",
        ));
    }
    let key = &config.certified_key.key;
    let scheme = key.choose_scheme(&hello.schemes).ok_or(Error::PeerIncompatible(
        "the client does not support the algorithm of the server's key",
    ))?;
    // The groups also apply to certificates (RFC 8422 section 5.1.1).
    if key.group().is_some_and(|group| !hello.groups.contains(&group)) {
        return Err(Error::PeerIncompatible(
            "the client does not support the curve of the server's key",
        ));
    }
    let suite = CipherSuite::ALL
        .into_iter()
        .find(|suite| {
            suite.signature_algorithm() == key.signature_algorithm() && hello.suites.contains(suite)
        })
        .ok_or(Error::PeerIncompatible(
            "the client offers no cipher suite with ECDHE and an AEAD",
        ))?;
    let group = NamedGroup::ALL
        .into_iter()
        .find(|group| hello.groups.contains(group))
        .ok_or(Error::PeerIncompatible("the client offers no supported group"))?;
    Ok((suite, group, scheme))
}
