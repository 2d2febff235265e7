"""Clients of OpenSSL, a process each: `port count seconds`. Each sends a line every two seconds and counts the echoes."""

import asyncio
import sys


async def client(port, number, turn, start, seconds):
    command = ["openssl", "s_client", "-quiet", "-dtls1_2", "-connect", f"127.0.0.1:{port}"]
    pipe = asyncio.subprocess.PIPE
    async with turn:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
        )

        async def ask(line):
            process.stdin.write(line)
            assert await asyncio.wait_for(process.stdout.readline(), 300) == line

        try:
            # Its handshake is over when this is back. (A line that begins with a letter may be a command.)
            await ask(b".hello\n")
        except BaseException:
            process.kill()
            raise
    try:
        await start.wait()
        for i in range(seconds // 2):
            await ask(f".{number}:{i}\n".encode())
            await asyncio.sleep(2)
    finally:
        process.kill()
        await process.wait()
    return seconds // 2


async def main():
    port, count, seconds = map(int, sys.argv[1:])
    start, turn = asyncio.Barrier(count), asyncio.Semaphore(10)
    clients = (client(port, number, turn, start, seconds) for number in range(count))
    echoes = await asyncio.gather(*clients)
    print(f"{count} clients, {sum(echoes)} echoes, none lost")


asyncio.run(main())
