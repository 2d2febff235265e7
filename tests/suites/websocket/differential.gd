extends "res://differential.gd"
## Drives our multiplayer over WebSocket and the engine's with the same random calls.


func _make_engines() -> Implementation:
	return Engines.new()


func _make_ours() -> Implementation:
	return Ours.new()


class Engines extends Implementation:
	func new_server() -> MultiplayerPeer:
		return WebSocketMultiplayerPeer.new()

	func new_client() -> MultiplayerPeer:
		return WebSocketMultiplayerPeer.new()

	func listen(server: MultiplayerPeer) -> int:
		if server.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED:
			port = free_port()
		return server.create_server(port, "127.0.0.1")

	func join(client: MultiplayerPeer) -> int:
		# If new connections are refused, it waits that long.
		client.handshake_timeout = 0.5 if is_refused else 60.0
		return client.create_client("ws://127.0.0.1:%d" % port)


class Ours extends Implementation:
	func new_server() -> MultiplayerPeer:
		var server: MultiplayerPeer = ClassDB.instantiate("LodeWebSocketServer")
		server.bind_ip = "127.0.0.1"
		return server

	func new_client() -> MultiplayerPeer:
		return ClassDB.instantiate("LodeWebSocketClient")

	func listen(server: MultiplayerPeer) -> int:
		if server.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED:
			port = free_port()
		return server.listen(port, PackedStringArray(), true)

	func join(client: MultiplayerPeer) -> int:
		return client.connect_to_url("ws://127.0.0.1:%d" % port, PackedStringArray(), true)
