"""A client on PyPI's `websockets` that gives up on a server which does not answer a ping within five seconds."""

import asyncio
import sys

import websockets


async def main(url: str) -> None:
    async with websockets.connect(url, ping_interval=0.5, ping_timeout=5) as socket:
        await socket.send("I am here")
        print(await asyncio.wait_for(socket.recv(), 600))


asyncio.run(main(sys.argv[1]))
