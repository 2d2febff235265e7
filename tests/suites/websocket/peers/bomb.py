"""Sends messages of a few KiB that inflate to 100 MB, on connections of their own, and tells how each was closed."""

import asyncio
import sys

import websockets


async def main(url: str) -> None:
    bomb = bytes(100_000_000)
    for _ in range(20):
        async with websockets.connect(url, compression="deflate") as socket:
            try:
                await socket.send(bomb)
                await socket.recv()
            except websockets.ConnectionClosed as closed:
                print("closed with", closed.rcvd.code if closed.rcvd else None, flush=True)


asyncio.run(main(sys.argv[1]))
