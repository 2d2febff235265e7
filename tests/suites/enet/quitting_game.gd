extends SceneTree
## A game in its own engine that quits once it is connected, without disconnecting in its script: `-- --listen=PORT` or
## `--join=PORT`, which class it has: `--class=CLASS`, and how it holds the object: `--hold=variable`, `static` or `multiplayer`.

## A static variable is released with the scripts, after nearly everything else.
static var last: RefCounted

var object: RefCounted
var hold := ""
var connected := false
var frames_left := 5


func _initialize() -> void:
	var of := ""
	var listen := 0
	var join := 0
	for argument in OS.get_cmdline_user_args():
		var value := argument.get_slice("=", 1)
		match argument.get_slice("=", 0):
			"--class":
				of = value
			"--hold":
				hold = value
			"--listen":
				listen = value.to_int()
			"--join":
				join = value.to_int()
	object = ClassDB.instantiate(of)
	if object is MultiplayerPeer:
		object.set_bind_ip("127.0.0.1")
		if listen > 0:
			object.create_server(listen)
		else:
			object.create_client("127.0.0.1", join)
		object.peer_connected.connect(func(_id: int) -> void: connected = true)
	elif listen > 0:
		object.create_host_bound("127.0.0.1", listen)
	else:
		object.create_host()
		object.connect_to_host("127.0.0.1", join)
	if hold == "static":
		last = object
	elif hold == "multiplayer":
		get_multiplayer().multiplayer_peer = object
	print("ready")


func _process(_delta: float) -> bool:
	if object is MultiplayerPeer:
		if hold != "multiplayer":
			object.poll()
	elif object.service()[0] == ENetConnection.EVENT_CONNECT:
		connected = true
	if connected:
		frames_left -= 1
	return frames_left <= 0
