"""A server for `wss://` on PyPI's `websockets`, with the certificate and key of its arguments. It prints its port."""

import asyncio
import ssl
import sys

import websockets


async def serve(socket) -> None:
    await socket.wait_closed()


async def main(certificate: str, key: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with websockets.serve(serve, "127.0.0.1", 0, ssl=context) as server:
        print("listening on port", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


asyncio.run(main(*sys.argv[1:]))
