"""Connects many clients in the same instant, and says how many were answered with 101.

Usage: burst.py PORT COUNT. Needs nothing but Python. It leaves when its standard input, or the server, ends them."""

import selectors
import socket
import sys
import time

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def main(port: int, count: int) -> int:
    selector = selectors.DefaultSelector()
    clients = []
    for _ in range(count):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", port))
        clients.append(client)
    for client in clients:
        selector.register(client, selectors.EVENT_WRITE)
    answered = 0
    end = time.monotonic() + 600
    while answered < count and time.monotonic() < end:
        for key, events in selector.select(0.1):
            client = key.fileobj
            if events & selectors.EVENT_WRITE:
                client.send(REQUEST)
                selector.modify(client, selectors.EVENT_READ)
            elif client.recv(4096).startswith(b"HTTP/1.1 101 "):
                answered += 1
                selector.unregister(client)
            else:
                selector.unregister(client)
    print(f"answered {answered}", flush=True)
    # Held until the test has counted them too, and ends it.
    time.sleep(3600)
    return 0


sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
