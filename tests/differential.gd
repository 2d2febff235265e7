extends SceneTree
## Drives one of our multiplayer peers and the engine's with the same random calls, and compares what signals, statuses and
## return codes say: `-- --seed=N --steps=N`, and `--trace` to see each step. It prints a line "DIFFERENT" for each difference and
## ends with 1 then. What one call does is compared when both sides have come to rest.

const Ports := preload("res://ports.gd")

const CLIENTS := 3
## A call's outcome is the same in both worlds for so many looks in a row before the next call.
const CALM := 12
## After so many looks in all, each a millisecond after the last or more, a world that is not the other's twin is given up: not
## after a time, of which a busy machine gives more or less.
const PATIENCE := 4000
## Who is nobody's peer.
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
func _make_engines() -> Make:
	return null


func _make_ours() -> Make:
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
		while calm < CALM and looks < PATIENCE:
			looks += 1
			engines.poll()
			ours.poll()
			OS.delay_msec(1)
			var same := engines.is_settled() and ours.is_settled() and engines.seen() == ours.seen()
			calm = calm + 1 if same else 0
		var different := ""
		engines.end_step()
		ours.end_step()
		# What was put off to the end of the frame is done.
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


## What an end sees, with its last signals alone.
static func _last(seen: Array) -> Array:
	var short := seen.duplicate()
	short[4] = seen[4].slice(-6)
	return short


## A call: its name, which client it is for, and what more it needs.
func _draw(world: World) -> Array:
	var who := random.randi() % CLIENTS
	# Where nobody is connected there is little to see.
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
	# The engine's server tells a client twice when it is polled while it does.
	return ["in a handler", action, random.randi() % 2 == 0 and action != "poll"]


## One server and some clients of one make.
class World:
	var make: Make
	var with_api: bool
	var server: End
	var clients: Array[End] = []
	## What is done inside the next `peer_connected`, and whether on the server.
	var armed := ""
	var armed_on_server := false
	## The names of ids on the server: the client, and the call with which it came.
	var names := {}
	var joining := 0
	var count_of_events := 0
	var sent := 0

	## The client that is sent away while it joins, and how many signals it had had before. Whether it learns that it was in is
	## a matter of time: the engine's server drops the connection at once, with what it has sent.
	var vague := -1
	## The client that leaves while it joins. Whether the others learn of it is a matter of time too.
	var leaver := -1
	## Of the clients and, behind them, the server.
	var signals_before: Array[int] = []

	func _init(of: Make, api: bool) -> void:
		make = of
		with_api = api
		server = End.new(self, "server", make.new_server())
		for index in CLIENTS:
			clients.append(End.new(self, "client %d" % index, make.new_client()))

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

	## The id of a client on the server; a stranger's if it has none.
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
		if make.reads_first:
			for end: End in [server] + clients:
				end.read()
		var who: int = call[1] if call.size() > 1 and call[1] is int else 0
		var bytes := PackedByteArray([sent % 256, 7])
		match call[0]:
			"listen":
				return make.listen(server.peer)
			"stop":
				server.peer.close()
			"free the server":
				server.replace(make.new_server())
				return null
			"join":
				joining = who
				make.is_refused = server.peer.refuse_new_connections
				var joined := make.join(clients[who].peer)
				# The API sees it connect, however soon it is through.
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
				# Ours discards what has come of who is kicked.
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
				clients[who].replace(make.new_client())
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
				return make.apply(self, call)
		return null

	func poll() -> void:
		server.poll()
		for client in clients:
			client.poll()

	## Whether nothing is under way that takes its time.
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


## A server or a client, and what its signals have said.
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
			of.vague = of.joining if of.make.is_vague else -1
		if title != "server" and action in ["kick", "force", "stop", "close", "free"] and not of.make.is_vague:
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
				replace(of.make.new_server() if title == "server" else of.make.new_client())
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

	## Reads what waits.
	func read() -> Array:
		var packets := []
		var of: World = world.get_ref()
		while peer.get_available_packet_count() > 0:
			packets.append([of.name_of(peer.get_packet_peer()), of.make.details(peer), Array(peer.get_packet()), peer.get_packet_error()])
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


## How the classes of one make are made and begun.
class Make:
	var port := 0
	## Whether the server refuses whoever is about to join.
	var is_refused := false
	## Whether what waits is read before each call, where the makes differ in what becomes of it.
	var reads_first := false
	## Whether it is a matter of time what a client learns that is sent away while it joins.
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

	## What more there is to compare of the packet that is read next.
	func details(_peer: MultiplayerPeer) -> Array:
		return []

	func free_port() -> int:
		return Ports.tcp()
