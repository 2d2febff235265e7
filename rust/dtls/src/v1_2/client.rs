//! The client's side of the handshake (RFC 5246 section 7.3, RFC 6347 section 4.2).

use crate::alert::Alert;
use crate::config::ClientConfig;
use crate::crypto::{KeyShare, MasterSecret, Scheme, Side, SigningKey, check_key, verify};
use crate::error::Error;
use crate::exchange::{Exchange, Progress};
use crate::handshake::{Header, Message, MessageType};
use crate::job::{Done, Failure, Job};
use crate::messages::{
    Certificate, CertificateRequest, ClientKeyExchange, DigitallySigned, HelloVerifyRequest,
    NewClientHello, Random, ServerHello, ServerKeyExchange, randoms,
};
use rustls_pki_types::CertificateDer;
use std::time::Instant;

/// The client's side of a handshake.
#[derive(Debug)]
pub(crate) struct Client {
    config: ClientConfig,
    random: Random,
    /// The hello that is not answered yet has a cookie.
    has_cookie: bool,
    step: Step,
}

/// What is waited for.
#[derive(Debug)]
enum Step {
    /// A ServerHello, or a HelloVerifyRequest.
    Hello,
    Certificate(ServerHello),
    KeyExchange(ServerHello, Vec<CertificateDer<'static>>),
    /// The end of the server's flight.
    HelloDone(Offer),
    /// A job.
    Secret(ServerHello, Vec<CertificateDer<'static>>),
    Finished {
        master: MasterSecret,
        chain: Vec<CertificateDer<'static>>,
    },
    Over,
}

/// What the server has said.
#[derive(Debug)]
struct Offer {
    hello: ServerHello,
    chain: Vec<CertificateDer<'static>>,
    exchange: Vec<u8>,
    request: Option<CertificateRequest>,
}

impl Client {
    /// Begins.
    pub(crate) fn begin(
        config: ClientConfig,
        random: Random,
        now: Instant,
        exchange: &mut Exchange,
    ) -> Result<Self, Error> {
        let client = Self { config, random, has_cookie: false, step: Step::Hello };
        client.say_hello(now, exchange, &[])?;
        Ok(client)
    }

    fn say_hello(&self, now: Instant, exchange: &mut Exchange, cookie: &[u8]) -> Result<(), Error> {
        let server_name = self.config.server_name.as_deref();
        let hello = NewClientHello { random: self.random, cookie, server_name }.encode();
        // The hashes begin with the last hello (RFC 6347 section 4.2.1).
        exchange.transcript.clear();
        let hello = exchange.message(MessageType::ClientHello, hello);
        exchange.send_flight(now, vec![hello])
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
            // A server asks for another cookie when the one that it gave has become too old. Then it does not answer what is
            // repeated either: so a request that comes before may be forged.
            (MessageType::HelloVerifyRequest, Step::Hello)
                if self.has_cookie && !exchange.was_repeated() =>
            {
                return Ok(Progress::Ignored);
            }
            (MessageType::HelloVerifyRequest, Step::Hello) => {
                let request = HelloVerifyRequest::parse(body).ok_or(Error::Protocol(
                    Alert::DECODE_ERROR,
                    "a HelloVerifyRequest that cannot be read",
                ))?;
                self.say_hello(now, exchange, request.cookie)?;
                self.has_cookie = true;
                self.step = Step::Hello;
                return Ok(Progress::None);
            }
            (MessageType::ServerHello, Step::Hello) => {
                let named = self.config.server_name.is_some();
                Step::Certificate(ServerHello::parse(body, named)?)
            }
            (MessageType::Certificate, Step::Certificate(hello)) => {
                Step::KeyExchange(hello, Certificate::parse(body)?)
            }
            (MessageType::ServerKeyExchange, Step::KeyExchange(hello, chain)) => {
                Step::HelloDone(Offer { hello, chain, exchange: body.to_vec(), request: None })
            }
            (MessageType::CertificateRequest, Step::HelloDone(mut offer))
                if offer.request.is_none() =>
            {
                let request = CertificateRequest::parse(body).ok_or(Error::Protocol(
                    Alert::DECODE_ERROR,
                    "a CertificateRequest that cannot be read",
                ))?;
                offer.request = Some(request);
                Step::HelloDone(offer)
            }
            (MessageType::ServerHelloDone, Step::HelloDone(_)) if !body.is_empty() => {
                return Err(Error::Protocol(
                    Alert::DECODE_ERROR,
                    "a ServerHelloDone that cannot be read",
                ));
            }
            (MessageType::ServerHelloDone, Step::HelloDone(offer)) => {
                message.encode(&mut exchange.transcript);
                return Ok(Progress::Job(self.agree(offer, exchange)));
            }
            (MessageType::Finished, Step::Finished { master, chain }) => {
                if !master.is_finished(Side::Server, &exchange.transcript, body) {
                    return Err(Error::Protocol(
                        Alert::DECRYPT_ERROR,
                        "the server has seen another handshake",
                    ));
                }
                return Ok(Progress::Connected(chain));
            }
            _ => return Err(Error::OUT_OF_TURN),
        };
        message.encode(&mut exchange.transcript);
        Ok(Progress::None)
    }

    /// Checks the server, and agrees with it on a secret.
    fn agree(&mut self, offer: Offer, exchange: &Exchange) -> Job {
        let (config, random) = (self.config.clone(), self.random);
        let (transcript, sequence) = (exchange.transcript.clone(), exchange.next_sequence());
        let Offer { hello, chain, exchange, request } = offer;
        let (suite, server_random) = (hello.suite, hello.random);
        let extended = hello.extended_master_secret;
        self.step = Step::Secret(hello, chain.clone());
        Job::new(move || {
            let exchange = ServerKeyExchange::parse(&exchange)?;
            let scheme = exchange.signature.scheme;
            if scheme.authentication() != suite.authentication() {
                return Err(Failure::Doubtful(Error::Protocol(
                    Alert::ILLEGAL_PARAMETER,
                    "a signature of another kind than the suite's",
                )));
            }
            let mut content = randoms(&random, &server_random).to_vec();
            content.extend_from_slice(exchange.signed);
            verify(&chain[0], scheme, &content, exchange.signature.signature)?;
            // Who has signed our random has seen our hello. Whether it is the right one is another question.
            let verdict = check_key(&chain[0]).and_then(|()| config.verifier.verify(&chain));
            verdict.map_err(|why| Failure::Certain(Error::Certificate(why)))?;
            let share = KeyShare::new(exchange.params.group)?;
            let premaster = share.agree(exchange.params.public)?;
            let mut answer = Answer { transcript, sequence, messages: Vec::new() };
            let signer = request.map(|request| answer.show_certificate(&config, &request));
            let public = ClientKeyExchange { public: &share.public }.encode();
            answer.add(MessageType::ClientKeyExchange, public);
            let master = if extended {
                MasterSecret::extended(suite, &premaster, &answer.transcript)
            } else {
                MasterSecret::new(suite, &premaster, &random, &server_random)
            };
            if let Some(Some((key, scheme))) = signer {
                let signature = key.sign(scheme, &answer.transcript)?;
                let mut body = Vec::new();
                DigitallySigned { scheme, signature: &signature }.encode(&mut body);
                answer.add(MessageType::CertificateVerify, body);
            }
            Ok(Done::Client { messages: answer.messages, master })
        })
    }

    /// The server's flight begins again.
    pub(crate) fn rewind(&mut self) {
        self.step = Step::Hello;
    }

    /// Goes on when the job is done.
    pub(crate) fn resume(
        &mut self,
        now: Instant,
        done: Done,
        exchange: &mut Exchange,
    ) -> Result<(), Error> {
        let Step::Secret(hello, chain) = std::mem::replace(&mut self.step, Step::Over) else {
            return Err(Error::Internal("an outcome that nobody waits for"));
        };
        let Done::Client { messages, master } = done else {
            return Err(Error::Internal("an outcome of another job"));
        };
        exchange.set_keys(&master.key_block(&self.random, &hello.random), Side::Client)?;
        let items = messages.into_iter().map(|(kind, body)| exchange.message(kind, body)).collect();
        let data = master.verify_data(Side::Client, &exchange.transcript);
        exchange.send_finished(now, items, &data)?;
        self.step = Step::Finished { master, chain };
        Ok(())
    }
}

/// The client's second flight, as far as a job makes it.
struct Answer {
    transcript: Vec<u8>,
    sequence: u16,
    messages: Vec<(MessageType, Vec<u8>)>,
}

impl Answer {
    fn add(&mut self, message_type: MessageType, body: Vec<u8>) {
        Header::encode_whole(message_type, self.sequence, &body, &mut self.transcript);
        self.sequence = self.sequence.wrapping_add(1);
        self.messages.push((message_type, body));
    }

    /// Shows the client's certificate, or that it has none; with what to sign, in the first case.
    fn show_certificate<'a>(
        &mut self,
        config: &'a ClientConfig,
        request: &CertificateRequest,
    ) -> Option<(&'a SigningKey, Scheme)> {
        let identity = config.identity.as_deref();
        let signer = identity.and_then(|identity| {
            let scheme = identity.key.choose(&request.schemes)?;
            Some((identity, scheme))
        });
        let chain = signer.map_or(&[][..], |(identity, _)| &identity.chain);
        self.add(MessageType::Certificate, Certificate::encode(chain));
        signer.map(|(identity, scheme)| (&identity.key, scheme))
    }
}
