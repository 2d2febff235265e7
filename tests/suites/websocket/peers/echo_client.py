"""A client on PyPI's `websockets`: exchanges messages of every length form with an echo server."""

import asyncio
import sys

import websockets

LENGTHS = [0, 1, 125, 126, 65_535, 65_536, 1_000_000]


async def main(url: str) -> None:
    async with websockets.connect(url, max_size=None, compression=None) as socket:
        for length in LENGTHS:
            for message in ("é" * (length // 2), bytes(index % 251 for index in range(length))):
                await socket.send(message)
                answer = await asyncio.wait_for(socket.recv(), 600)
                assert answer == message, f"{type(message).__name__} of {length} comes back changed"
        # A message in fragments, with a ping between them.
        await socket.send(["in ", "three ", "parts"])
        assert await socket.recv() == "in three parts"
        await asyncio.wait_for(await socket.ping(b"there?"), 600)
        await socket.close(4000, "done")
        assert (socket.close_code, socket.close_reason) == (4000, ""), socket.close_code
    print("all came back")


asyncio.run(main(sys.argv[1]))
