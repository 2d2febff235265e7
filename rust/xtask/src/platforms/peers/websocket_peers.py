"""Clients of the library websockets: `port count seconds`. Each sends a message every two seconds and counts the echoes; one
more sends many at once, which the server leaves for ten seconds."""

import asyncio
import sys

import websockets

STALLED = 20_000


async def client(port, number, turn, start, seconds):
    async with turn:
        connection = await websockets.connect(f"ws://127.0.0.1:{port}", open_timeout=300, ping_interval=None)
    async with connection:
        # All of them are there before any speaks.
        await start.wait()
        for i in range(seconds // 2):
            message = f"{number}:{i}"
            await connection.send(message)
            assert await asyncio.wait_for(connection.recv(), 300) == message
            await asyncio.sleep(2)
    return seconds // 2


async def stalled(port, start):
    async with websockets.connect(f"ws://127.0.0.1:{port}", ping_interval=None) as connection:
        await start.wait()

        messages = ["stall", *map(str, range(STALLED - 1))]

        async def send():
            for message in messages:
                await connection.send(message)

        sending = asyncio.create_task(send())
        for message in messages:
            assert await asyncio.wait_for(connection.recv(), 300) == message
        await sending
    return STALLED


async def main():
    port, count, seconds = map(int, sys.argv[1:])
    start, turn = asyncio.Barrier(count + 1), asyncio.Semaphore(50)
    clients = (client(port, number, turn, start, seconds) for number in range(count))
    echoes = await asyncio.gather(stalled(port, start), *clients)
    print(f"{count + 1} clients, {sum(echoes)} echoes, none lost")


asyncio.run(main())
