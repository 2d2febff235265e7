// npm's ws, echoing.
"use strict";
const { WebSocketServer } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, backlog: 4096 });
server.on("listening", () => console.log(`listening on port ${server.address().port}`));
server.on("connection", (socket) => {
	socket.on("error", () => {});
	socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
