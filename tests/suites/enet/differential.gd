extends "res://differential.gd"
## Drives our multiplayer over ENet and the engine's with the same random calls.

const Hosts := preload("res://suites/enet/hosts.gd")
const METHODS: Array[String] = ["peer_disconnect", "peer_disconnect_later", "peer_disconnect_now", "reset", "ping"]


func _make_engines() -> Implementation:
	return Endpoints.new("")


func _make_ours() -> Implementation:
	return Endpoints.new("Lode")


## What has to come next.
var next: Array = []


func _draw(world: World) -> Array:
	if not next.is_empty():
		var forced := next
		next = []
		return forced
	var call := _draw_any(world)
	# The other side is not informed, and would only notice by its timeouts.
	if call[0] == "end a peer" and call[2] == "reset":
		next = ["close", call[1]]
	if call[0] == "end the server's peer" and call[2] == "reset":
		next = ["end a peer", call[1], "reset"]
	# Without a server, the engine's client tries for half a minute; if it is refused, it reports that it is connected.
	if call[0] == "join" and (world.is_idle(world.server) or world.server.peer.refuse_new_connections):
		return ["listen"] if world.is_idle(world.server) else ["refuse", false]
	# Our server reports a client before that has polled, the engine's after.
	if call[0] == "in a handler" and call[1] == "close":
		return ["in a handler", "close", false]
	# The engine's server may not report a client that disconnects while it joins.
	if call[0] == "in a handler" and call[1] == "kick":
		return ["in a handler", "kick", true]
	# A new server of the engine has lost the setting.
	if call[0] == "refuse" and world.is_idle(world.server):
		return ["listen"]
	return call


func _draw_any(world: World) -> Array:
	var who := random.randi() % CLIENTS
	var end := random.randi() % (CLIENTS + 1)
	var roll := random.randi() % 100
	if roll < 60:
		return super._draw(world)
	if roll < 72:
		return ["mode", end, random.randi() % 3, random.randi() % 4]
	if roll < 80:
		return ["end a peer", who, METHODS[random.randi() % METHODS.size()]]
	if roll < 86:
		return ["end the server's peer", who, METHODS[random.randi() % METHODS.size()]]
	if roll < 94:
		return ["send much from", who]
	if roll < 97:
		return ["send much to", who]
	return ["mesh", who]


class Endpoints extends Implementation:
	var prefix: String

	func _init(of: String) -> void:
		prefix = of
		reads_first = true
		is_vague = false

	func new_server() -> MultiplayerPeer:
		var server := new_client()
		server.set_bind_ip("127.0.0.1")
		return server

	func new_client() -> MultiplayerPeer:
		return ClassDB.instantiate(prefix + "ENetMultiplayerPeer")

	func listen(server: MultiplayerPeer) -> int:
		if server.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED:
			port = Hosts.free_port()
		return server.create_server(port, 8)

	func join(client: MultiplayerPeer) -> int:
		return client.create_client("127.0.0.1", port)

	func details(peer: MultiplayerPeer) -> Array:
		return [peer.get_packet_mode(), peer.get_packet_channel()]

	func apply(world: World, call: Array) -> Variant:
		var who: int = call[1]
		match call[0]:
			"mode":
				var end: End = world.server if who == CLIENTS else world.clients[who]
				end.mode = call[2]
				end.channel = call[3]
			"end a peer":
				var id := world.id_of(who)
				if id == STRANGER:
					return "nobody"
				var peer: PacketPeer = world.server.peer.get_peer(id)
				if peer == null:
					return "nobody"
				peer.call(call[2])
				return peer.is_active()
			"end the server's peer":
				if world.clients[who].peer.get_connection_status() != MultiplayerPeer.CONNECTION_CONNECTED:
					return "nobody"
				var peer: PacketPeer = world.clients[who].peer.get_peer(1)
				peer.call(call[2])
				return peer.is_active()
			"send much from":
				return world.clients[who].send(1, _much(world.sent))
			"send much to":
				return world.server.send(world.id_of(who), _much(world.sent))
			"mesh":
				var peer := world.clients[who].peer
				var result: int = peer.create_mesh(5)
				var id := peer.get_unique_id()
				if result == OK:
					peer.close()
				return [result, id if id < 6 else 6]
		return null

	func _much(number: int) -> PackedByteArray:
		var bytes := PackedByteArray()
		bytes.resize(5000)
		bytes.fill(number % 256)
		return bytes
