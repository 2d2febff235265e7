"""A client on PyPI's `websockets` over TLS of one version."""

import asyncio
import ssl
import sys

import websockets


async def main(url: str, version: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = ssl.TLSVersion["TLSv" + version.replace(".", "_")]
    async with websockets.connect(url, ssl=context) as socket:
        await socket.send("hello")
        answer = await socket.recv()
        print(socket.transport.get_extra_info("ssl_object").version(), answer)


asyncio.run(main(*sys.argv[1:]))
