// A client on npm's `ws`: exchanges messages of every length form with an echo server.
const assert = require("node:assert");
const { once } = require("node:events");
const WebSocket = require("ws");

const LENGTHS = [0, 1, 125, 126, 65_535, 65_536, 1_000_000];

async function main(url) {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, "open");
  for (const length of LENGTHS) {
    for (const message of ["x".repeat(length), Buffer.alloc(length, 7)]) {
      const answer = once(socket, "message");
      socket.send(message);
      const [data, isBinary] = await answer;
      assert.strictEqual(isBinary, Buffer.isBuffer(message), `kind of ${length}`);
      assert.ok(data.equals(Buffer.from(message)), `${length} bytes come back changed`);
    }
  }
  const fragments = once(socket, "message");
  socket.send("in ", { fin: false });
  socket.ping("there?");
  socket.send("two parts", { fin: true });
  const pong = once(socket, "pong");
  assert.strictEqual(String((await fragments)[0]), "in two parts");
  assert.strictEqual(String((await pong)[0]), "there?");
  const closed = once(socket, "close");
  socket.close(4000, "done");
  assert.strictEqual((await closed)[0], 4000);
  console.log("all came back");
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exit(1);
});
