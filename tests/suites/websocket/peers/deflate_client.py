"""A client on PyPI's `websockets` that compresses."""

import asyncio
import sys

import websockets


async def main(url: str) -> None:
    async with websockets.connect(url, max_size=None, compression="deflate") as socket:
        extensions = socket.response.headers.get("Sec-WebSocket-Extensions", "")
        assert extensions.startswith("permessage-deflate"), extensions
        for length in (0, 1, 255, 256, 257, 1000, 65_536, 900_000):
            for message in ("é" * (length // 2), bytes(index * index % 251 for index in range(length))):
                for _ in range(2):
                    await socket.send(message)
                    answer = await asyncio.wait_for(socket.recv(), 600)
                    assert answer == message, f"{type(message).__name__} of {length} comes back changed"
        await socket.send(["in ", "three ", "parts " * 100])
        assert await socket.recv() == "in three " + "parts " * 100
    print("all came back, compressed")


asyncio.run(main(sys.argv[1]))
