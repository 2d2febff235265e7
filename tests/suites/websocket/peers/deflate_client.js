// A client on npm's `ws` that compresses.

const WebSocket = require("ws");

const socket = new WebSocket(process.argv[2], { perMessageDeflate: { threshold: 0 } });
const messages = [0, 1, 255, 256, 257, 1000, 65536, 900000].map((length) => "abcdefghij".repeat(length / 10 + 1));
let next = 0;
socket.on("open", () => {
  if (!socket.extensions.includes("permessage-deflate")) {
    throw new Error("not negotiated: " + socket.extensions);
  }
  socket.send(messages[0]);
});
socket.on("message", (data) => {
  if (data.toString() !== messages[next]) {
    throw new Error("message " + next + " comes back changed");
  }
  next += 1;
  if (next < messages.length) {
    socket.send(messages[next]);
  } else {
    console.log("all came back, compressed");
    socket.close(1000);
  }
});
