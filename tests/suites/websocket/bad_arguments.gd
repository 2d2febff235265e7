extends SceneTree
## Calls each method of the WebSocket classes with arguments that fit its types and mostly nothing else, in an engine of its own:
## before each call it says which it is, and the log tells what comes of it. The arguments are drawn with a seed: `-- --seed=N`.

const CLASSES: Array[String] = ["LodeWebSocketServer", "LodeWebSocketClient", "LodeWebSocketPeer"]
const ROUNDS := 6
## These are polled below, and would only end what the calls are made on.
const LEFT_OUT: Array[String] = ["poll"]

const INTS: Array[int] = [0, 1, -1, 2, 999, 1005, 65_536, 70_000, 2_147_483_647, -2_147_483_648]
const FLOATS: Array[float] = [0.0, -1.0, 1e300, NAN, INF]
const STRINGS: Array[String] = ["", " ", "é", "a b", "a\r\nb: c", "http://x", "ws://x#y", "1.2.3.4.5", "🎮", "x\t"]

var random := RandomNumberGenerator.new()
var server: Object
var client: Object
var frames := 0


func _initialize() -> void:
	random.seed = 1
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--seed="):
			random.seed = argument.trim_prefix("--seed=").to_int()
	for name in CLASSES:
		_call_all(name, ClassDB.instantiate(name))
	_begin()


## A server and a client that are connected.
func _begin() -> void:
	server = ClassDB.instantiate("LodeWebSocketServer")
	server.bind_ip = "127.0.0.1"
	server.listen(0)
	client = ClassDB.instantiate("LodeWebSocketClient")
	client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port())


func _process(_delta: float) -> bool:
	server.poll()
	client.poll()
	frames += 1
	if server.get_peers().is_empty() or client.get_connection_status() != MultiplayerPeer.CONNECTION_CONNECTED:
		return frames > 1000
	_call_all("LodeWebSocketPeer", server.get_peer(server.get_peers()[0]))
	_call_all("LodeWebSocketServer", server)
	_call_all("LodeWebSocketClient", client)
	printerr("CALL end")
	return true


func _call_all(name: String, on: Object) -> void:
	var methods: Array[Dictionary] = []
	for of: String in [name, ClassDB.get_parent_class(ClassDB.get_parent_class(name)), "PacketPeer"]:
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
			return _text()
		TYPE_PACKED_STRING_ARRAY:
			return PackedStringArray([_text(), _text()])
		TYPE_PACKED_BYTE_ARRAY:
			return PackedByteArray([random.randi() % 256, random.randi() % 256])
		TYPE_PACKED_INT32_ARRAY:
			return PackedInt32Array([random.randi()])
	return null


func _text() -> String:
	return "x".repeat(2000) if random.randi() % 12 == 0 else STRINGS[random.randi() % STRINGS.size()]
