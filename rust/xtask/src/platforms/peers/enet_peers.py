"""Peers of ENet itself, in C: `port count seconds`. Each sends a reliable packet every two seconds and counts the echoes."""

import sys
import time

import enet


def main():
    port, count, seconds = map(int, sys.argv[1:])
    host = enet.Host(None, count, 1, 0, 0)
    limit = time.monotonic() + 300
    peers = [host.connect(enet.Address(b"127.0.0.1", port), 1) for _ in range(count)]
    connected, came = 0, {}

    def serve():
        nonlocal connected
        event = host.service(5)
        if event.type == enet.EVENT_TYPE_CONNECT:
            connected += 1
        elif event.type == enet.EVENT_TYPE_RECEIVE:
            key = event.peer.incomingPeerID
            expected = came.get(key, 0)
            assert event.packet.data == str(expected).encode(), f"{event.packet.data} for {expected}"
            came[key] = expected + 1
        assert event.type != enet.EVENT_TYPE_DISCONNECT, "a peer is gone"
        assert time.monotonic() < limit, f"{connected} connected, {sum(came.values())} echoes"

    while connected < count:
        serve()
    limit += seconds
    for i in range(seconds // 2):
        for peer in peers:
            peer.send(0, enet.Packet(str(i).encode(), enet.PACKET_FLAG_RELIABLE))
        until = time.monotonic() + 2
        while time.monotonic() < until:
            serve()
    while sum(came.values()) < count * (seconds // 2):
        serve()
    print(f"{count} peers, {sum(came.values())} echoes, none lost")


main()
