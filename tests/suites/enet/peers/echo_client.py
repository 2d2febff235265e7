"""ENet itself, by pyenet: sends packets of every kind to an echo server, and checks what comes back.

Arguments: the port, and "range" to compress. Prints "done" and what it was told at the end.
"""
import sys
import time

import enet

LENGTHS = [1, 64, 1363, 1364, 1365, 1400, 65_535, 1_000_000]
KINDS = [
    enet.PACKET_FLAG_RELIABLE,
    0,
    enet.PACKET_FLAG_UNSEQUENCED,
    enet.PACKET_FLAG_UNRELIABLE_FRAGMENT,
]

host = enet.Host(None, 1, 8, 0, 0)
if "range" in sys.argv:
    host.compress_with_range_coder()
peer = host.connect(enet.Address(b"127.0.0.1", int(sys.argv[1])), 4, 66)


def wait(kind, seconds=600.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        event = host.service(100)
        if event.type == kind:
            return event
    sys.exit(f"no event {kind}")


wait(enet.EVENT_TYPE_CONNECT)
print("channels", peer.channelCount, "mtu", peer.mtu, flush=True)
count = 0
for length in LENGTHS:
    for kind in KINDS:
        if length > 100_000 and kind != enet.PACKET_FLAG_RELIABLE:
            # A burst of unreliable pieces may be too much for the system.
            continue
        data = bytes((index * 7 + count) % 251 for index in range(length))
        peer.send(count % 4, enet.Packet(data, kind))
        event = wait(enet.EVENT_TYPE_RECEIVE)
        if event.packet.data != data or event.channelID != count % 4:
            sys.exit(f"{length} bytes, flags {kind}: {len(event.packet.data)} came back")
        count += 1
print("echoes", count, flush=True)
for index in range(2000):
    peer.send(1, enet.Packet(b"%d" % index, enet.PACKET_FLAG_RELIABLE))
for index in range(2000):
    if wait(enet.EVENT_TYPE_RECEIVE).packet.data != b"%d" % index:
        sys.exit(f"packet {index} is out of order")
print("in order", flush=True)
peer.disconnect(44)
print("done", wait(enet.EVENT_TYPE_DISCONNECT).data, flush=True)
