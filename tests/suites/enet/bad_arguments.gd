extends SceneTree
## Calls each method of the engine's ENet classes, and of ours beside them, with the same arguments in each state of theirs, and
## compares what they return and what they are like afterwards: `-- --seed=N`. It prints a line "DIFFERENT" for each difference
## and ends with 1 then; with `--all` also for those that the documents have. It runs in an engine of its own, whose log has the
## errors.

const OddArguments := preload("res://odd_arguments.gd")
const Hosts := preload("res://suites/enet/hosts.gd")
const HOME := "127.0.0.1"
const ROUNDS := 8
## When a state that is not the other's is given up.
const TIMEOUT_MSEC := 8000

## Arguments that fit. What has a default fits with it.
const FITTING := {
	"bind_address": HOME, "address": HOME, "destination_address": HOME, "ip": HOME, "max_peers": 4, "packet": [1, 2],
	"buffer": [1, 2], "flags": 1, "limit": 4, "unique_id": 5, "peer_id": 7, "id": 1, "hostname": HOME, "ping_interval": 100,
	"timeout": 32, "timeout_min": 5000, "timeout_max": 30_000, "interval": 5000, "acceleration": 2, "deceleration": 2,
	"peer": 1, "host": "a connected host",
}
## Odd ones for arguments that few others fit; the rest are drawn by type.
const ODD := {
	"channel": [1, 2, 3, 254, 255, 256], "channels": [1, 255, 256], "max_channels": [1, 253, 254, 255, 256],
	"channel_count": [1, 253, 254, 255, 256], "max_peers": [1, 4095, 4096], "max_clients": [1, 4095, 4096],
	"bind_port": [65_535, 65_536], "flags": [0, 2, 3, 4, 8, 11, 15, 16], "ip": ["*", "::1", "localhost"],
	"bind_address": ["*", "0.0.0.0", "256.0.0.1", "localhost"], "statistic": [0, 1, 2, 3], "mode": [0, 1, 2],
	"id": [2, 5, 6, 7], "peer": [2, -2], "limit": [255, 256], "host": ["a host", "no host", null, null],
}
## These wait, are none of the class's own (DTLS: see dtls/test_parity), or mean times.
const LEFT_OUT: Array[String] = ["service", "dtls_server_setup", "dtls_client_setup"]
## The names of hosts are looked up, and that takes its time.
const NO_NAMES: Array[String] = ["address", "destination_address"]
## Constants: unknown ones are in the documents' table of differences.
const CONSTANTS: Array[String] = ["statistic", "mode"]
## Ports of this machine: two hosts cannot have the same one.
const BOUND: Array[String] = ["bind_port", "local_port"]
const STATES := {
	"ENetConnection": ["new", "bound", "connecting", "server", "client", "destroyed"],
	"ENetPacketPeer": ["connecting", "connected", "disconnecting", "later", "gone", "now", "reset", "destroyed"],
	"ENetMultiplayerPeer": ["new", "server", "with a client", "connecting", "client", "mesh", "closed", "left"],
}

## Differences that the documents' table has: README.md, "What differs from the engine's classes".
const DOCUMENTED: Array[String] = [
	# Several connections per host.
	"ENetConnection.connect_to_host (connecting)*", "ENetConnection.connect_to_host (server)*",
	"ENetConnection.connect_to_host (client)*",
	# Of a connection that has ended.
	"ENetPacketPeer.get_remote_* (gone)*", "ENetPacketPeer.get_remote_* (now)*", "ENetPacketPeer.get_remote_* (reset)*",
	"ENetPacketPeer.get_remote_* (destroyed)*",
	"ENetPacketPeer.get_channels (gone)*", "ENetPacketPeer.get_channels (now)*", "ENetPacketPeer.get_channels (reset)*",
	"ENetPacketPeer.get_channels (destroyed)*", "ENetPacketPeer.get_channels (disconnecting)*",
	"ENetPacketPeer.send (disconnecting)*: returns 31, ours 1",
	# The channel after the last one.
	"ENetPacketPeer.send (*: returns 1, ours 31",
	"ENetPacketPeer.peer_disconnect (connecting)*", "ENetPacketPeer.peer_disconnect_later (connecting)*",
	# Numbers that the engine does not check.
	"ENetMultiplayerPeer.add_mesh_peer (mesh)*: returns 0, ours 31", "ENetMultiplayerPeer.create_server (*: returns 0, ours 31",
	"ENetMultiplayerPeer.create_server (*2147483647, *: returns 31, ours 0",
]

var odd := OddArguments.new()
var all := false
var only := ""
var count := 0
var differences := {}


func _initialize() -> void:
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--seed="):
			odd = OddArguments.new(argument.trim_prefix("--seed=").to_int())
		elif argument.begins_with("--only="):
			only = argument.trim_prefix("--only=")
		elif argument == "--all":
			all = true
	for of: String in STATES:
		for state: String in STATES[of]:
			_compare_state(of, state)
	print("%s: %d calls" % ["SAME" if differences.is_empty() else "DIFFERENT in %d ways" % differences.size(), count])
	quit(0 if differences.is_empty() else 1)


func _compare_state(of: String, state: String) -> void:
	for method in _methods(of):
		var title: String = "%s.%s (%s)" % [of, method.name, state]
		if not only.is_empty() and not title.contains(only):
			continue
		for number in ROUNDS if method.args.size() > 0 else 1:
			# The first fits, the next have one that does not, the last are odd altogether.
			_compare_call(of, state, method, title, _arguments(method, number))


func _compare_call(of: String, state: String, method: Dictionary, title: String, arguments: Array) -> void:
	printerr("CALL %s " % title, str(arguments).c_escape())
	count += 1
	var ours := Bench.new("Lode")
	var engines := Bench.new("")
	var both: Array[Bench] = [engines, ours]
	if not both.all(func(side: Bench) -> bool: return side.reach(of, state)):
		_tell(title, arguments, "cannot be reached")
		return
	var results: Array = both.map(func(side: Bench) -> Variant: return side.call_it(method.name, arguments))
	var is_same_result := var_to_str(results[0]) == var_to_str(results[1])
	if not is_same_result:
		_tell(title, arguments, "returns %s, ours %s" % results)
	var end := Time.get_ticks_msec() + TIMEOUT_MSEC
	# Where they differ already there is nothing to wait for.
	while is_same_result and not _is_documented(title) and engines.seen() != ours.seen():
		for side in both:
			side.pump()
		OS.delay_msec(1)
		if Time.get_ticks_msec() > end:
			_tell(title, arguments, "is then %s, ours %s" % [engines.seen(), ours.seen()])
			break
	for side in both:
		side.end()


func _tell(title: String, arguments: Array, what: String) -> void:
	var line := "%s %s: %s" % [title, str(arguments).left(120).c_escape(), what]
	if differences.has(line) or _is_documented(line) and not all:
		return
	differences[line] = true
	print("DIFFERENT ", line)


func _is_documented(line: String) -> bool:
	return DOCUMENTED.any(func(pattern: String) -> bool: return line.match(pattern))


func _methods(of: String) -> Array[Dictionary]:
	var methods := ClassDB.class_get_method_list(of, true)
	if of != "ENetConnection":
		methods.append_array(ClassDB.class_get_method_list("PacketPeer", true))
	if of == "ENetMultiplayerPeer":
		methods.append_array(ClassDB.class_get_method_list("MultiplayerPeer", true))
	return methods.filter(func(method: Dictionary) -> bool: return not (
		method.name.begins_with("_") or method.name in LEFT_OUT or method.name.contains("_var")
		or method.name.contains("encode_buffer")
	))


## What stands for the port is put in when it is known.
func _arguments(method: Dictionary, number: int) -> Array:
	var arguments := []
	var bad: int = (number - 1) % maxi(1, method.args.size())
	var first_default: int = method.args.size() - method.default_args.size()
	for index in method.args.size():
		var argument: Dictionary = method.args[index]
		if number > 0 and (index == bad or number == ROUNDS - 1):
			arguments.append(_odd(argument, method.name == "create_server"))
		elif index >= first_default:
			arguments.append(method.default_args[index - first_default])
		elif argument.name == "port" or argument.name.ends_with("_port"):
			arguments.append(argument.name)
		else:
			arguments.append(FITTING.get(argument.name, 0))
	return arguments


func _odd(argument: Dictionary, is_server: bool) -> Variant:
	var chosen: Array = ODD.get(argument.name, [])
	if argument.name in BOUND or argument.name == "port" and is_server:
		return [-1, 65_536, 70_000, 2_147_483_647, -2_147_483_648][odd.random.randi() % 5]
	if argument.type == TYPE_PACKED_BYTE_ARRAY:
		return PackedByteArray([9])
	if argument.name in NO_NAMES:
		return ["256.0.0.1", "", "a b", "[::1]", "127.0.0.1:5"][odd.random.randi() % 5]
	if argument.name in CONSTANTS or not chosen.is_empty() and odd.random.randi() % 2 == 0:
		return chosen[odd.random.randi() % chosen.size()]
	return odd.draw(argument.type)


## An object of one make in a state, with the others that it takes.
class Bench:
	var make: String
	var it: Object
	## What is serviced beside it, and what is only kept.
	var others: Array = []
	var kept: Array = []
	var port := 0

	func _init(of: String) -> void:
		make = of

	func create(of: String) -> Object:
		return ClassDB.instantiate(make + of)

	func reach(of: String, state: String) -> bool:
		port = Hosts.free_port()
		match of:
			"ENetConnection":
				return _reach_host(state)
			"ENetPacketPeer":
				return _reach_peer(state)
		return _reach_multiplayer(state)

	func _reach_host(state: String) -> bool:
		it = create("ENetConnection")
		if state == "new":
			return true
		if it.create_host_bound(HOME, port if state == "server" else 0, 4, 3) != OK:
			return false
		match state:
			"connecting":
				it.connect_to_host(HOME, Hosts.free_port(), 3)
			"destroyed":
				it.destroy()
			"server", "client":
				var other: Object = create("ENetConnection")
				others.append(other)
				if state == "server":
					other.create_host(1)
					other.connect_to_host(HOME, port, 3)
				else:
					other.create_host_bound(HOME, port, 4, 3)
					it.connect_to_host(HOME, port, 3)
				return _until(func() -> bool: return _is_connected(it) and _is_connected(other))
		return true

	func _is_connected(host: Object) -> bool:
		return host.get_peers().size() == 1 and host.get_peers()[0].get_state() == ENetPacketPeer.STATE_CONNECTED

	func _reach_peer(state: String) -> bool:
		var server: Object = create("ENetConnection")
		var client: Object = create("ENetConnection")
		server.create_host_bound(HOME, port, 4, 3)
		client.create_host(1)
		it = client.connect_to_host(HOME, port, 3)
		others = [server, client]
		if state == "connecting":
			# Nobody answers.
			others = [client]
			kept = [server]
			return true
		if not _until(func() -> bool: return _is_connected(client) and _is_connected(server)):
			return false
		match state:
			"disconnecting":
				it.peer_disconnect()
				others = []
			"later":
				it.send(0, PackedByteArray([1]), 1)
				it.peer_disconnect_later()
				others = []
			"gone":
				it.peer_disconnect()
				return _until(func() -> bool: return not it.is_active())
			"now":
				it.peer_disconnect_now()
			"reset":
				it.reset()
			"destroyed":
				client.destroy()
				others = [server]
		# The hosts live on, but nobody services them.
		kept = [server, client]
		return true

	func _reach_multiplayer(state: String) -> bool:
		it = create("ENetMultiplayerPeer")
		it.set_bind_ip(HOME)
		match state:
			"server", "with a client", "closed":
				if it.create_server(port, 4) != OK:
					return false
			"connecting":
				return it.create_client(HOME, port) == OK
			"client", "left":
				var server: Object = create("ENetMultiplayerPeer")
				server.set_bind_ip(HOME)
				server.create_server(port, 4)
				others.append(server)
				it.create_client(HOME, port)
			"mesh":
				return it.create_mesh(5) == OK
		var count_of_peers := [0]
		var came := func(_id: int) -> void: count_of_peers[0] += 1
		match state:
			"with a client":
				it.peer_connected.connect(came)
				var client: Object = create("ENetMultiplayerPeer")
				others.append(client)
				client.create_client(HOME, port)
				return _until(func() -> bool: return count_of_peers[0] == 1 and client.get_connection_status() == 2)
			"closed":
				it.close()
			"client", "left":
				others[0].peer_connected.connect(came)
				if not _until(func() -> bool: return count_of_peers[0] == 1 and it.get_connection_status() == 2):
					return false
				if state == "left":
					others[0].close()
					return _until(func() -> bool: return it.get_connection_status() == 0)
		return true

	func _until(condition: Callable) -> bool:
		var end := Time.get_ticks_msec() + TIMEOUT_MSEC
		while not condition.call():
			pump()
			OS.delay_msec(1)
			if Time.get_ticks_msec() > end:
				return false
		return true

	func pump() -> void:
		for one: Object in [it] + others:
			if one.has_method("service"):
				if not _is_off(one):
					one.service()
			elif one.has_method("poll") and one.get_connection_status() != 0:
				one.poll()

	## Whether a host is not there: those of both makes print an error when they are asked.
	func _is_off(host: Object) -> bool:
		return host.get_max_channels() == 0

	func call_it(method: String, arguments: Array) -> Variant:
		var given := arguments.map(func(argument: Variant) -> Variant:
			if argument is String and argument in ["port", "destination_port"]:
				return port
			if argument is String and argument.ends_with(" host"):
				return _host(argument)
			# Of each make its own.
			return Hosts.free_port() if argument is String and argument == "bind_port" else argument
		)
		return told(method, it.callv(method, given))

	func _host(kind: String) -> Object:
		var host: Object = create("ENetConnection")
		if kind == "no host":
			return host
		host.create_host(1)
		if kind == "a connected host":
			var other: Object = create("ENetConnection")
			var other_port := Hosts.free_port()
			other.create_host_bound(HOME, other_port, 1)
			kept.append(other)
			host.connect_to_host(HOME, other_port)
			_until(func() -> bool:
				other.service()
				host.service()
				return _is_connected(host) and _is_connected(other)
			)
		return host

	## What is of one make, or measures, is told by its kind.
	func told(method: String, result: Variant) -> Variant:
		if result is Object:
			return result.get_class().trim_prefix("Lode")
		if result is Array:
			return result.map(func(one: Variant) -> Variant: return told("", one))
		if method in ["get_statistic", "pop_statistic"]:
			return type_string(typeof(result))
		if method in ["get_local_port", "get_remote_port"]:
			return result > 0
		if method == "get_unique_id":
			return mini(result, 2)
		if method == "generate_unique_id":
			return result > 1
		return result

	func seen() -> Array:
		if it.has_method("get_peers"):
			return [it.get_max_channels(), it.get_peers().map(func(peer: Object) -> Array: return [peer.get_state(), peer.get_channels()])]
		if it.has_method("get_state"):
			return [it.get_state(), it.is_active(), it.get_available_packet_count()]
		return [
			it.get_connection_status(), mini(it.get_unique_id(), 2), it.is_server_relay_supported(), it.host != null,
			it.get_available_packet_count(), it.transfer_mode, it.transfer_channel, it.refuse_new_connections,
		]

	func end() -> void:
		for one: Object in [it] + others + kept:
			if one.has_method("destroy") and not _is_off(one):
				one.destroy()
			elif one.has_method("close"):
				one.close()
