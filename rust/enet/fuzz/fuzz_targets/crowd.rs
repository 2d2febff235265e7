//! A host and many addresses that request connections and send any commands: allocations per byte received, and
//! buffered bytes, stay within limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_cost::{Counting, spent};
use lodewire_enet::wire::{
    Body, CONTROL_CHANNEL, Command, Commands, Connect, ConnectParams, Header, NO_PEER,
};
use lodewire_enet::{Event, Events, Host, HostConfig, Time};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PEERS: usize = 64;
const MAX_WAITING_DATA: usize = 64 << 10;
/// Maximum number of bytes allocated per byte received, and once.
const MAX_ALLOCATED_PER_BYTE: u64 = 128;
const MAX_ALLOCATED_ONCE: u64 = 512 << 10;

fn connect(id: u32) -> Vec<u8> {
    let params = ConnectParams { channel_count: 4, ..ConnectParams::new(7, id.to_be_bytes()) };
    let body = Body::Connect(Connect { params, data: 0 });
    encode(NO_PEER, 0, Command { acknowledge: true, ..control(body) })
}

fn control(body: Body<'_>) -> Command<'_> {
    Command { acknowledge: false, unsequenced: false, channel: CONTROL_CHANNEL, sequence: 1, body }
}

fn encode(peer_id: u16, session: u8, command: Command<'_>) -> Vec<u8> {
    let header = Header { peer_id, session, compressed: false, sent_time: Some(1) };
    let mut datagram = header.encode()[..header.encoded_len()].to_vec();
    command.encode(&mut datagram);
    datagram
}

fuzz_target!(|data: &[u8]| {
    let config =
        HostConfig { peers: PEERS, max_waiting_data: MAX_WAITING_DATA, ..HostConfig::default() };
    let mut host = Host::new(config, [3; 32]);
    let mut now = Time::from_micros(1_000_000);
    // The peer id and session of each address.
    let mut known: HashMap<SocketAddr, (u16, u8)> = HashMap::new();
    let (mut received, mut allocated) = (0_usize, 0);
    let mut rest = data;
    while let Some((&[what, who, len], after)) = rest.split_first_chunk() {
        let from = SocketAddr::from(([10, 0, 0, who], 1000));
        let (bytes, after) = after.split_at(after.len().min(len.into()));
        rest = after;
        let datagram = match (what % 8, known.get(&from)) {
            (0, _) => connect(u32::from(len)),
            (1, _) => bytes.to_vec(),
            (_, Some(&(peer_id, session))) => {
                let header =
                    Header { peer_id, session, compressed: false, sent_time: Some(what.into()) };
                [&header.encode()[..header.encoded_len()], bytes].concat()
            }
            (_, None) => connect(1),
        };
        received += datagram.len();
        let mut answers = Vec::new();
        let before = spent();
        host.handle_datagram(now, from, &datagram);
        now = now + Duration::from_millis(1 + u64::from(what >> 4) * 20);
        host.handle_timeout(now);
        let mut out = Vec::new();
        while let Some(to) = host.poll_transmit(now, &mut out) {
            answers.push((to, std::mem::take(&mut out)));
        }
        let mut events = Events::default();
        host.poll_events(&mut events);
        while let Some(event) = events.pop() {
            // A quarter of the packets is not released.
            if let Event::Receive { peer, data, .. } = event
                && what & 3 != 0
            {
                host.release_capacity(peer, 1, data.len());
            }
        }
        allocated += spent().since(before).bytes;
        for (to, answer) in answers {
            let Some((header, commands)) = Header::parse(&answer) else { continue };
            for command in Commands::new(commands) {
                let Body::VerifyConnect(params) = command.body else { continue };
                let Some(sent_time) = header.sent_time else { continue };
                known.insert(to, (params.outgoing_peer_id, params.outgoing_session));
                let body = Body::Acknowledge { sequence: command.sequence, sent_time };
                let proof = encode(params.outgoing_peer_id, params.outgoing_session, control(body));
                received += proof.len();
                let before = spent();
                host.handle_datagram(now, to, &proof);
                allocated += spent().since(before).bytes;
            }
        }
        let most = received as u64 * MAX_ALLOCATED_PER_BYTE + MAX_ALLOCATED_ONCE;
        assert!(allocated <= most, "{allocated} bytes were allocated for {received}");
        assert!(host.peer_count() <= PEERS);
    }
});
