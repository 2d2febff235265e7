"""ENet itself, by pyenet: sends every packet back on its channel, as it was sent. Prints its port first.

Arguments: "range" compresses, "late" disconnects a client that says "leave".
"""
import sys

import enet

FLAGS = (
    enet.PACKET_FLAG_RELIABLE
    | enet.PACKET_FLAG_UNSEQUENCED
    | enet.PACKET_FLAG_UNRELIABLE_FRAGMENT
)

# Port 0 is not told by this version; so one is tried after the other.
for port in range(24100, 24200):
    try:
        host = enet.Host(enet.Address(b"127.0.0.1", port), 16, 8, 0, 0)
        break
    except (IOError, MemoryError):
        continue
if "range" in sys.argv:
    host.compress_with_range_coder()
print("port", port, flush=True)
while True:
    event = host.service(1000)
    if event.type == enet.EVENT_TYPE_CONNECT:
        print("connect", event.data, flush=True)
    elif event.type == enet.EVENT_TYPE_DISCONNECT:
        print("disconnect", event.data, flush=True)
    elif event.type == enet.EVENT_TYPE_RECEIVE:
        data = event.packet.data
        if data == b"leave":
            event.peer.disconnect(55)
        else:
            event.peer.send(event.channelID, enet.Packet(data, event.packet.flags & FLAGS))
