//! The client's side of the handshake (RFC 5246 section 7.3, RFC 6347 section 4.2).

use crate::alert::Alert;
use crate::config::ClientConfig;
use crate::crypto::{
    KeyShare, MasterSecret, Side, SignatureScheme, SigningKey, check_signing_certificate,
    verify_signature,
};
use crate::error::Error;
use crate::handshake::{Header, Message, MessageType};
use crate::handshake_context::{HandshakeContext, Progress};
use crate::job::{Completed, Job, JobError};
use crate::messages::{
    Certificate, CertificateRequest, ClientHelloBuilder, ClientKeyExchange, DigitallySigned,
    HelloVerifyRequest, Random, ServerHello, ServerKeyExchange, randoms,
};
use rustls_pki_types::CertificateDer;
use std::time::Instant;

/// The client's side of a handshake.
#[derive(Debug)]
pub(crate) struct Client {
    config: ClientConfig,
    random: Random,
    /// The last ClientHello contains a cookie.
    has_cookie: bool,
    state: State,
}

/// The message or job that is expected next.
#[derive(Debug)]
enum State {
    /// A ServerHello, or a HelloVerifyRequest.
    ExpectServerHello,
    ExpectCertificate(ServerHello),
    ExpectServerKeyExchange(ServerHello, Vec<CertificateDer<'static>>),
    /// A CertificateRequest, or the `ServerHelloDone`.
    ExpectServerHelloDone(ServerFlight),
    /// The output of the key exchange job.
    AwaitKeyExchange(ServerHello, Vec<CertificateDer<'static>>),
    ExpectFinished {
        master: MasterSecret,
        chain: Vec<CertificateDer<'static>>,
    },
    Done,
}

/// The content of the server's flight.
#[derive(Debug)]
struct ServerFlight {
    hello: ServerHello,
    chain: Vec<CertificateDer<'static>>,
    key_exchange: Vec<u8>,
    request: Option<CertificateRequest>,
}

impl Client {
    /// Starts the handshake: sends the first ClientHello.
    pub(crate) fn start(
        config: ClientConfig,
        random: Random,
        now: Instant,
        context: &mut HandshakeContext,
    ) -> Result<Self, Error> {
        let client = Self { config, random, has_cookie: false, state: State::ExpectServerHello };
        client.send_client_hello(now, context, &[])?;
        Ok(client)
    }

    fn send_client_hello(
        &self,
        now: Instant,
        context: &mut HandshakeContext,
        cookie: &[u8],
    ) -> Result<(), Error> {
        let server_name = self.config.server_name.as_deref();
        let hello = ClientHelloBuilder { random: self.random, cookie, server_name }.encode();
        // The transcript begins with the last ClientHello (RFC 6347 section 4.2.1).
        context.transcript.clear();
        let hello = context.message(MessageType::ClientHello, hello);
        context.send_flight(now, vec![hello])
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
            // A server requests another cookie when its first one has expired. Then it does not answer a retransmission
            // either, so a request that arrives before one may be forged.
            (MessageType::HelloVerifyRequest, State::ExpectServerHello)
                if self.has_cookie && !context.was_retransmitted() =>
            {
                return Ok(Progress::Ignored);
            }
            (MessageType::HelloVerifyRequest, State::ExpectServerHello) => {
                let request = HelloVerifyRequest::parse(body).ok_or(Error::PeerMisbehaved(
                    Alert::DECODE_ERROR,
                    "malformed HelloVerifyRequest",
                ))?;
                self.send_client_hello(now, context, request.cookie)?;
                self.has_cookie = true;
                self.state = State::ExpectServerHello;
                return Ok(Progress::None);
            }
            (MessageType::ServerHello, State::ExpectServerHello) => {
                let sent_name = self.config.server_name.is_some();
                State::ExpectCertificate(ServerHello::parse(body, sent_name)?)
            }
            (MessageType::Certificate, State::ExpectCertificate(hello)) => {
                State::ExpectServerKeyExchange(hello, Certificate::parse(body)?)
            }
            (MessageType::ServerKeyExchange, State::ExpectServerKeyExchange(hello, chain)) => {
                State::ExpectServerHelloDone(ServerFlight {
                    hello,
                    chain,
                    key_exchange: body.to_vec(),
                    request: None,
                })
            }
            (MessageType::CertificateRequest, State::ExpectServerHelloDone(mut flight))
                if flight.request.is_none() =>
            {
                let request = CertificateRequest::parse(body).ok_or(Error::PeerMisbehaved(
                    Alert::DECODE_ERROR,
                    "malformed CertificateRequest",
                ))?;
                flight.request = Some(request);
                State::ExpectServerHelloDone(flight)
            }
            (MessageType::ServerHelloDone, State::ExpectServerHelloDone(_)) if !body.is_empty() => {
                return Err(Error::PeerMisbehaved(
                    Alert::DECODE_ERROR,
                    "malformed ServerHelloDone",
                ));
            }
            (MessageType::ServerHelloDone, State::ExpectServerHelloDone(flight)) => {
                message.encode(&mut context.transcript);
                return Ok(Progress::Job(self.key_exchange_job(flight, context)));
            }
            (MessageType::Finished, State::ExpectFinished { master, chain }) => {
                if !master.verify_finished(Side::Server, &context.transcript, body) {
                    return Err(Error::PeerMisbehaved(
                        Alert::DECRYPT_ERROR,
                        "Finished verify_data mismatch",
                    ));
                }
                return Ok(Progress::Connected(chain));
            }
            _ => return Err(Error::UNEXPECTED),
        };
        message.encode(&mut context.transcript);
        Ok(Progress::None)
    }

    /// Returns the job that verifies the server, and derives the master secret.
    fn key_exchange_job(&mut self, flight: ServerFlight, context: &HandshakeContext) -> Job {
        let (config, client_random) = (self.config.clone(), self.random);
        let (transcript, sequence) = (context.transcript.clone(), context.next_sequence());
        let ServerFlight { hello, chain, key_exchange, request } = flight;
        let (suite, server_random) = (hello.suite, hello.random);
        let extended = hello.extended_master_secret;
        self.state = State::AwaitKeyExchange(hello, chain.clone());
        Job::new(move || {
            let key_exchange = ServerKeyExchange::parse(&key_exchange)?;
            let scheme = key_exchange.signature.scheme;
            if scheme.signature_algorithm() != suite.signature_algorithm() {
                return Err(JobError::Provisional(Error::PeerMisbehaved(
                    Alert::ILLEGAL_PARAMETER,
                    "signature algorithm does not match the cipher suite",
                )));
            }
            let mut covered = randoms(&client_random, &server_random).to_vec();
            covered.extend_from_slice(key_exchange.signed);
            verify_signature(&chain[0], scheme, &covered, key_exchange.signature.signature)?;
            // Whoever signed our random received our ClientHello: from here on, a failure is final.
            let verdict =
                check_signing_certificate(&chain[0]).and_then(|()| config.verifier.verify(&chain));
            verdict.map_err(|error| JobError::Fatal(Error::Certificate(error)))?;
            let share = KeyShare::new(key_exchange.params.group)?;
            let premaster = share.derive_shared_secret(key_exchange.params.public)?;
            let mut answer = ClientFlight { transcript, sequence, messages: Vec::new() };
            let signer = request.map(|request| answer.add_certificate(&config, &request));
            let public = ClientKeyExchange { public: &share.public }.encode();
            answer.add(MessageType::ClientKeyExchange, public);
            // Both hellos had the extension, or not (RFC 7627 section 5.2).
            let master = if extended {
                MasterSecret::extended(suite, &premaster, &answer.transcript)
            } else {
                MasterSecret::new(suite, &premaster, &client_random, &server_random)
            };
            if let Some(Some((key, scheme))) = signer {
                let signature = key.sign(scheme, &answer.transcript)?;
                let mut body = Vec::new();
                DigitallySigned { scheme, signature: &signature }.encode(&mut body);
                answer.add(MessageType::CertificateVerify, body);
            }
            Ok(Completed::Client { messages: answer.messages, master })
        })
    }

    /// Restarts the server's flight.
    pub(crate) fn rewind(&mut self) {
        self.state = State::ExpectServerHello;
    }

    /// Continues with the output of the key exchange job.
    pub(crate) fn handle_job_output(
        &mut self,
        now: Instant,
        completed: Completed,
        context: &mut HandshakeContext,
    ) -> Result<(), Error> {
        let State::AwaitKeyExchange(hello, chain) = std::mem::replace(&mut self.state, State::Done)
        else {
            return Err(Error::Internal("unexpected job output"));
        };
        let Completed::Client { messages, master } = completed else {
            return Err(Error::Internal("output of another job"));
        };
        context.set_keys(&master.key_block(&self.random, &hello.random), Side::Client)?;
        let items = messages
            .into_iter()
            .map(|(message_type, body)| context.message(message_type, body))
            .collect();
        let data = master.verify_data(Side::Client, &context.transcript);
        context.send_finished(now, items, &data)?;
        self.state = State::ExpectFinished { master, chain };
        Ok(())
    }
}

/// The client's second flight, up to the Finished.
struct ClientFlight {
    transcript: Vec<u8>,
    sequence: u16,
    messages: Vec<(MessageType, Vec<u8>)>,
}

impl ClientFlight {
    fn add(&mut self, message_type: MessageType, body: Vec<u8>) {
        Header::encode_whole(message_type, self.sequence, &body, &mut self.transcript);
        self.sequence = self.sequence.wrapping_add(1);
        self.messages.push((message_type, body));
    }

    /// Adds the client's certificate, or an empty one. Returns what to sign the handshake with, in the first case.
    fn add_certificate<'a>(
        &mut self,
        config: &'a ClientConfig,
        request: &CertificateRequest,
    ) -> Option<(&'a SigningKey, SignatureScheme)> {
        let certified_key = config.certified_key.as_deref();
        let signer = certified_key.and_then(|certified_key| {
            let scheme = certified_key.key.choose_scheme(&request.schemes)?;
            Some((certified_key, scheme))
        });
        let chain = signer.map_or(&[][..], |(certified_key, _)| &certified_key.chain);
        self.add(MessageType::Certificate, Certificate::encode(chain));
        signer.map(|(certified_key, scheme)| (&certified_key.key, scheme))
    }
}
