// A client on npm's `ws` over TLS of one version.

const WebSocket = require("ws");

const [url, version] = process.argv.slice(2);
const socket = new WebSocket(url, {
  rejectUnauthorized: false,
  minVersion: "TLSv" + version,
  maxVersion: "TLSv" + version,
});
socket.on("open", () => socket.send("hello"));
socket.on("message", (data) => {
  console.log(socket._socket.getProtocol(), data.toString());
  socket.close();
});
