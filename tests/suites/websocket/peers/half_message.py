"""Opens a connection, sends the first half of a message of a million bytes, says so, and waits to be killed."""

import socket
import sys
import time

client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
client.sendall(
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
client.sendall(b"\x82\xff" + (1_000_000).to_bytes(8, "big") + bytes(4) + bytes(500_000))
print("half sent", flush=True)
time.sleep(3600)
