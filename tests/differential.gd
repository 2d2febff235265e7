extends SceneTree
## Drives one of our multiplayer peers and the engine's with the same random calls, and compares signals, statuses and
## return codes: `-- --seed=N --steps=N`, and `--trace` to see each step. It prints a line "DIFFERENT" for each difference and
## exits with 1 then. The effects of a call are compared when both sides are idle.

const Ports := preload("res://ports.gd")

const CLIENTS := 3
## The number of consecutive checks with equal states before the next call.
const CALM := 12
## The maximum number of checks, at least a millisecond apart, until different states are an error: not
## a time, which depends on the load of the machine.
const HANG_TIMEOUT := 4000
## The id of no peer.
const STRANGER := 12_345

var random := RandomNumberGenerator.new()
var steps := 60
var trace := false
var with_api := false


func _initialize() -> void:
	Engine.max_fps = 2000
	random.seed = 1
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--seed="):
			random.seed = argument.trim_prefix("--seed=").to_int()
			with_api = random.seed % 2 == 0
		elif argument.begins_with("--steps="):
			steps = argument.trim_prefix("--steps=").to_int()
		elif argument == "--trace":
			trace = true
	_run()


## The classes to compare.
func _make_engines() -> Implementation:
	return null


func _make_ours() -> Implementation:
	return null


func _run() -> void:
	await process_frame
	var engines := World.new(_make_engines(), with_api)
	var ours := World.new(_make_ours(), with_api)
	var done: Array[String] = []
	for number in steps:
		var call := _draw(engines)
		done.append(str(call))
		engines.begin_step()
		ours.begin_step()
		var results: Array = [engines.apply(call), ours.apply(call)]
		if trace:
			printerr("STEP ", number, " ", call, " ", results)
		var calm := 0
		var looks := 0
		while calm < CALM and looks < HANG_TIMEOUT:
			looks += 1
			engines.poll()
			ours.poll()
			OS.delay_msec(1)
			var same := engines.is_settled() and ours.is_settled() and engines.seen() == ours.seen()
			calm = calm + 1 if same else 0
		var different := ""
		engines.end_step()
		ours.end_step()
		# Deferred calls have been made.
		await process_frame
		if results[0] != results[1]:
			different = "returns %s, ours %s" % results
		elif calm < CALM:
			different = "sees"
			var both := [engines.seen(), ours.seen()]
			for index in both[0].size():
				if both[0][index] != both[1][index]:
					different += "\n  %s\n  %s" % [_last(both[0][index]), _last(both[1][index])]
		if not different.is_empty():
			print("DIFFERENT at step %d, %s: the engine's %s\n  after %s" % [number, call, different, ", ".join(done.slice(-12))])
			quit(1)
			return
	print("SAME after %d steps, with %d signals" % [steps, ours.count_of_events])
	quit(0)


## The state of an endpoint, with only its last signals.
static func _last(seen: Array) -> Array:
	var short := seen.duplicate()
	short[4] = seen[4].slice(-6)
	return short


## A call: its name, its client, and its arguments.
func _draw(world: World) -> Array:
	var who := random.randi() % CLIENTS
	# Without connections there is little to compare.
	if world.is_idle(world.server) and random.randi() % 2 == 0:
		return ["listen"]
	if world.is_idle(world.clients[who]) and random.randi() % 2 == 0:
		return ["join", who]
	var roll := random.randi() % 100
	if roll < 22:
		return ["join", who]
	if roll < 30:
		return ["listen"]
	if roll < 32:
		return ["stop"]
	if roll < 34:
		return ["free the server"]
	if roll < 40:
		return ["send to", who]
	if roll < 44:
		return ["send to all"]
	if roll < 48:
		return ["send to all but", who]
	if roll < 50:
		return ["send to a stranger"]
	if roll < 60:
		return ["send from", who]
	if roll < 65:
		return ["kick", who, random.randi() % 2 == 0]
	if roll < 67:
		return ["kick a stranger"]
	if roll < 71:
		return ["leave", who]
	if roll < 74:
		return ["close", who]
	if roll < 77:
		return ["force the server out", who]
	if roll < 79:
		return ["disconnect a stranger", who]
	if roll < 82:
		return ["free", who]
	if roll < 86:
		return ["refuse", random.randi() % 2 == 0]
	if roll < 91:
		return ["read", random.randi() % (CLIENTS + 1)]
	var action: String = ["kick", "force", "stop", "close", "free", "send", "poll"][random.randi() % 7]
	# The engine's server reports a client twice if it is polled in the handler.
	return ["in a handler", action, random.randi() % 2 == 0 and action != "poll"]


## One server and some clients of one implementation.
class World:
	var implementation: Implementation
	var with_api: bool
	var server: End
	var clients: Array[End] = []
	## The action in the next `peer_connected`, and whether it is on the server.
	var armed := ""
	var armed_on_server := false
	## The names of ids on the server: the client, and the call with which it came.
	var names := {}
	var joining := 0
	var count_of_events := 0
	var sent := 0

	## The client that is kicked while it joins, and the number of its signals before. Whether it reports the connection is
	## a matter of time: the engine's server drops the connection at once, with what it has sent.
	var vague := -1
	## The client that leaves while it joins. Whether the others report it is a matter of time as well.
	var leaver := -1
	## Of the clients, followed by the server.
	var signals_before: Array[int] = []

	func _init(of: Implementation, api: bool) -> void:
		implementation = of
		with_api = api
		server = End.new(self, "server", implementation.new_server())
		for index in CLIENTS:
			clients.append(End.new(self, "client %d" % index, implementation.new_client()))

	func is_idle(end: End) -> bool:
		return end.peer.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED

	func begin_step() -> void:
		vague = -1
		leaver = -1
		signals_before.assign((clients + [server]).map(func(end: End) -> int: return end.events.size()))

	func end_step() -> void:
		if vague >= 0:
			clients[vague].events.resize(signals_before[vague])
			clients[vague].peers.clear()
		for index in CLIENTS + 1:
			if leaver >= 0 and index != leaver:
				(server if index == CLIENTS else clients[index]).events.resize(signals_before[index])

	## The id of a client on the server; an unused one if it has none.
	func id_of(who: int) -> int:
		var found := STRANGER
		for id: int in names:
			if names[id].begins_with("%d." % who) and server.peers.has(id):
				found = id
		return found

	func name_of(id: int) -> String:
		return names.get(id, str(id) if id in [0, 1, STRANGER] else "?")

	func apply(call: Array) -> Variant:
		sent += 1
		if implementation.reads_first:
			for end: End in [server] + clients:
				end.read()
		var who: int = call[1] if call.size() > 1 and call[1] is int else 0
		var bytes := PackedByteArray([sent % 256, 7])
		match call[0]:
			"listen":
				return implementation.listen(server.peer)
			"stop":
				server.peer.close()
			"free the server":
				server.replace(implementation.new_server())
				return null
			"join":
				joining = who
				implementation.is_refused = server.peer.refuse_new_connections
				var joined := implementation.join(clients[who].peer)
				# The API sees the connection, however short it is.
				if with_api and joined == OK:
					clients[who].attach()
				return joined
			"send to":
				return server.send(id_of(who), bytes)
			"send to all":
				return server.send(0, bytes)
			"send to all but":
				return server.send(-id_of(who), bytes)
			"send to a stranger":
				return server.send(STRANGER, bytes)
			"send from":
				return clients[who].send(1, bytes)
			"kick":
				# Ours discards the packets of a kicked peer.
				server.read()
				server.peer.disconnect_peer(id_of(who), call[2])
			"kick a stranger":
				server.peer.disconnect_peer(STRANGER)
			"leave":
				clients[who].read()
				clients[who].peer.disconnect_peer(1)
			"close":
				clients[who].peer.close()
			"force the server out":
				clients[who].peer.disconnect_peer(1, true)
			"disconnect a stranger":
				clients[who].peer.disconnect_peer(STRANGER)
			"free":
				clients[who].replace(implementation.new_client())
				return null
			"refuse":
				server.peer.refuse_new_connections = call[1]
				return server.peer.refuse_new_connections
			"read":
				return (server if who == CLIENTS else clients[who]).read()
			"in a handler":
				armed = call[1]
				armed_on_server = call[2]
			_:
				return implementation.apply(self, call)
		return null

	func poll() -> void:
		server.poll()
		for client in clients:
			client.poll()

	## Returns true if nothing is in progress.
	func is_settled() -> bool:
		return clients.all(func(client: End) -> bool:
			return client.peer.get_connection_status() != MultiplayerPeer.CONNECTION_CONNECTING
		)

	func seen() -> Array:
		var of_server := server.seen()
		if leaver >= 0:
			of_server[4] = of_server[4].slice(0, signals_before[CLIENTS])
		var all := [of_server]
		for index in clients.size():
			var of_client := clients[index].seen()
			if index == vague:
				of_client[3] = []
				of_client[4] = of_client[4].slice(0, signals_before[index])
			if leaver >= 0 and index != leaver:
				of_client[4] = of_client[4].slice(0, signals_before[index])
			all.append(of_client)
		return all


## A server or a client, and its signals.
class End:
	var world: WeakRef
	var title: String
	var peer: MultiplayerPeer
	var api: SceneMultiplayer
	var events: Array[String] = []
	var peers := {}
	## How packets are sent.
	var mode := MultiplayerPeer.TRANSFER_MODE_RELIABLE
	var channel := 0

	func _init(of: World, name: String, with: MultiplayerPeer) -> void:
		world = weakref(of)
		title = name
		_take(with)

	func _take(with: MultiplayerPeer) -> void:
		peer = with
		peers.clear()
		peer.peer_connected.connect(_connected)
		peer.peer_disconnected.connect(_disconnected)

	func replace(with: MultiplayerPeer) -> void:
		if api != null:
			api.multiplayer_peer = null
			api = null
		_take(with)

	func _connected(id: int) -> void:
		var of: World = world.get_ref()
		if title == "server":
			of.names[id] = "%d.%d" % [of.joining, of.sent]
		peers[id] = true
		_note("connected", id)
		if of.armed.is_empty() or of.armed_on_server != (title == "server"):
			return
		var action := of.armed
		of.armed = ""
		if title == "server" and action in ["kick", "force", "stop", "free"]:
			of.vague = of.joining if of.implementation.is_vague else -1
		if title != "server" and action in ["kick", "force", "stop", "close", "free"] and not of.implementation.is_vague:
			of.leaver = of.clients.find(self)
		match action:
			"kick":
				read()
				peer.disconnect_peer(id)
			"force":
				peer.disconnect_peer(id, true)
			"stop":
				peer.close()
			"close":
				of.clients[of.joining].peer.close()
			"free":
				replace(of.implementation.new_server() if title == "server" else of.implementation.new_client())
			"send":
				events.append("sent %d" % send(id, [9]))
			"poll":
				peer.poll()

	func _disconnected(id: int) -> void:
		peers.erase(id)
		_note("disconnected", id)

	func _note(what: String, id: int) -> void:
		var of: World = world.get_ref()
		of.count_of_events += 1
		events.append("%s %s" % [what, of.name_of(id)])

	func poll() -> void:
		var status := peer.get_connection_status()
		var of: World = world.get_ref()
		if status == MultiplayerPeer.CONNECTION_DISCONNECTED:
			# The engine's class prints an error for a poll then.
			if api != null:
				api.poll()
				api = null
			return
		if not of.with_api:
			peer.poll()
			return
		attach()
		api.poll()

	## Gives the peer to a multiplayer API, if it has none.
	func attach() -> void:
		if api == null:
			api = SceneMultiplayer.new()
			api.multiplayer_peer = peer
			api.peer_packet.connect(_packet)
			api.peer_connected.connect(_api_connected)
			api.peer_disconnected.connect(_api_disconnected)
			api.connected_to_server.connect(_said.bind("API: connected_to_server"))
			api.connection_failed.connect(_said.bind("API: connection_failed"))
			api.server_disconnected.connect(_said.bind("API: server_disconnected"))

	func _api_connected(id: int) -> void:
		_note("API: connected", id)

	func _api_disconnected(id: int) -> void:
		_note("API: disconnected", id)

	func _said(what: String) -> void:
		events.append(what)

	func _packet(id: int, packet: PackedByteArray) -> void:
		var of: World = world.get_ref()
		events.append("packet %s from %s" % [Array(packet), of.name_of(id)])

	func send(target: int, bytes: PackedByteArray) -> int:
		if api != null:
			return api.send_bytes(bytes, target, mode, channel)
		peer.transfer_mode = mode
		peer.transfer_channel = channel
		peer.set_target_peer(target)
		return peer.put_packet(bytes)

	## Reads all available packets.
	func read() -> Array:
		var packets := []
		var of: World = world.get_ref()
		while peer.get_available_packet_count() > 0:
			packets.append([of.name_of(peer.get_packet_peer()), of.implementation.details(peer), Array(peer.get_packet()), peer.get_packet_error()])
		return packets

	func seen() -> Array:
		var of: World = world.get_ref()
		var now := peers.keys().map(of.name_of)
		now.sort()
		var id := peer.get_unique_id()
		# The engine's class keeps packets that came before it was closed in a handler, and can not read them.
		var is_over := peer.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED
		return [
			title, peer.get_connection_status(), id if id < 2 else 2, now, events,
			0 if is_over else peer.get_available_packet_count(),
		]


## Creates and starts the classes of one implementation.
class Implementation:
	var port := 0
	## True if the server refuses new clients.
	var is_refused := false
	## True if packets are read before each call, because the implementations differ in dropping them.
	var reads_first := false
	## True if the signals of a client that is kicked while it joins depend on timing.
	var is_vague := true

	func new_server() -> MultiplayerPeer:
		return null

	func new_client() -> MultiplayerPeer:
		return null

	func listen(_server: MultiplayerPeer) -> int:
		return OK

	func join(_client: MultiplayerPeer) -> int:
		return OK

	## A call that only some classes have.
	func apply(_world: World, _call: Array) -> Variant:
		return null

	## Further properties to compare of the next packet.
	func details(_peer: MultiplayerPeer) -> Array:
		return []

	func free_port() -> int:
		return Ports.tcp()
