extends SceneTree
## Calls each method of the ENet and DTLS classes with random arguments of the right types, in an engine of its
## own. Before each call it prints the call, and the log has the result. The arguments are generated from a seed: `-- --seed=N`.

const CLASSES: Array[String] = [
	"LodeENetConnection", "LodeENetMultiplayerPeer", "LodePacketPeerDTLS", "LodeDTLSServer",
]
const ROUNDS := 6
## These methods block, or would only end the object of the calls.
const LEFT_OUT: Array[String] = [
	"service", "service_all", "poll", "close", "destroy", "reset", "peer_disconnect", "peer_disconnect_now", "peer_disconnect_later",
]

const INTS: Array[int] = [0, 1, -1, 2, 999, 4096, 65_536, 70_000, 2_147_483_647, -2_147_483_648]
const FLOATS: Array[float] = [0.0, -1.0, 1e300, NAN, INF]
const STRINGS: Array[String] = ["", " ", "é", "a b", "a\r\nb: c", "1.2.3.4.5", "🎮", "x\t", "127.0.0.1", "*"]

var random := RandomNumberGenerator.new()
var server: MultiplayerPeer
var client: MultiplayerPeer
var joined := 0
var frames := 0


func _initialize() -> void:
	random.seed = 1
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--seed="):
			random.seed = argument.trim_prefix("--seed=").to_int()
	for name in CLASSES:
		_call_all(name, ClassDB.instantiate(name))
	server = ClassDB.instantiate("LodeENetMultiplayerPeer")
	server.set_bind_ip("127.0.0.1")
	server.create_server(0)
	server.peer_connected.connect(func(id: int) -> void: joined = id)
	client = ClassDB.instantiate("LodeENetMultiplayerPeer")
	client.create_client("127.0.0.1", server.host.get_local_port())


func _process(_delta: float) -> bool:
	server.poll()
	client.poll()
	frames += 1
	if joined == 0 or client.get_connection_status() != MultiplayerPeer.CONNECTION_CONNECTED:
		return frames > 1000
	_call_all("LodeENetPacketPeer", server.get_peer(joined))
	_call_all("LodeENetConnection", server.host)
	_call_all("LodeENetMultiplayerPeer", server)
	_call_all("LodeENetMultiplayerPeer", client)
	printerr("CALL end")
	return true


func _call_all(name: String, on: Object) -> void:
	var methods: Array[Dictionary] = []
	for of: String in [name, "MultiplayerPeer", "PacketPeer"]:
		if ClassDB.is_parent_class(name, of):
			methods.append_array(ClassDB.class_get_method_list(of, true))
	for _round in ROUNDS:
		for method in methods:
			if method.name.begins_with("_") or method.name in LEFT_OUT:
				continue
			var arguments := []
			for argument: Dictionary in method.args:
				arguments.append(_bad(argument.type))
			printerr("CALL %s.%s" % [name, method.name], " ", str(arguments).c_escape())
			on.callv(method.name, arguments)


func _bad(type: int) -> Variant:
	match type:
		TYPE_BOOL:
			return random.randi() % 2 == 0
		TYPE_INT:
			return INTS[random.randi() % INTS.size()]
		TYPE_FLOAT:
			return FLOATS[random.randi() % FLOATS.size()]
		TYPE_STRING:
			return STRINGS[random.randi() % STRINGS.size()]
		TYPE_PACKED_STRING_ARRAY:
			return PackedStringArray(["x", "é"])
		TYPE_PACKED_BYTE_ARRAY:
			return PackedByteArray([random.randi() % 256, random.randi() % 256])
	return null
