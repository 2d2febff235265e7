extends SceneTree
## Calls each method of the WebSocket classes with random arguments of the right types, in its own engine.
## Before each call it prints the call, and the log has the result. The arguments are generated from a seed: `-- --seed=N`.

const OddArguments := preload("res://odd_arguments.gd")
const CLASSES: Array[String] = ["LodeWebSocketServer", "LodeWebSocketClient", "LodeWebSocketPeer"]
const ROUNDS := 6
## These are polled below, or would only end the object of the calls.
const LEFT_OUT: Array[String] = ["poll"]

var odd := OddArguments.new()
var server: Object
var client: Object
var frames := 0


func _initialize() -> void:
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--seed="):
			odd = OddArguments.new(argument.trim_prefix("--seed=").to_int())
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
			var arguments := odd.of(method)
			printerr("CALL %s.%s" % [name, method.name], " ", str(arguments).c_escape())
			on.callv(method.name, arguments)
