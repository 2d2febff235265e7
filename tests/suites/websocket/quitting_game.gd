extends SceneTree
## A game in its own engine that quits once it is connected, without closing in its script: `-- --listen`, `-- --url=URL`, and
## how it holds the peer: `--hold=variable`, `static` or `multiplayer`.

## A static variable is released with the scripts, after nearly everything else.
static var last: MultiplayerPeer

var peer: MultiplayerPeer
var hold := ""
var frames_left := 5


func _initialize() -> void:
	var url := ""
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--url="):
			url = argument.trim_prefix("--url=")
		elif argument.begins_with("--hold="):
			hold = argument.trim_prefix("--hold=")
	if url.is_empty():
		peer = ClassDB.instantiate("LodeWebSocketServer")
		peer.bind_ip = "127.0.0.1"
		peer.listen(0, PackedStringArray(), true)
		print("port ", peer.get_local_port())
	else:
		peer = ClassDB.instantiate("LodeWebSocketClient")
		peer.connect_to_url(url, PackedStringArray(), true)
	if hold == "static":
		last = peer
	elif hold == "multiplayer":
		get_multiplayer().multiplayer_peer = peer


func _process(_delta: float) -> bool:
	if hold != "multiplayer":
		peer.poll()
	var joined: bool
	if peer.is_class("LodeWebSocketServer"):
		joined = not peer.get_peers().is_empty()
	else:
		joined = peer.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED
	if joined:
		frames_left -= 1
	return frames_left <= 0
