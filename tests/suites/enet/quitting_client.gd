extends SceneTree
## Connects with an object of a class, `-- CLASS PORT [static]`, and quits without ending it by hand. With `static` the object
## goes when the scripts go, which is after nearly everything else.

static var last: Object

var peer: Object
var frames := 600


func _initialize() -> void:
	var arguments := OS.get_cmdline_user_args()
	var port := arguments[1].to_int()
	peer = ClassDB.instantiate(arguments[0])
	match arguments[0]:
		"LodeENetMultiplayerPeer":
			peer.create_client("127.0.0.1", port)
		"LodeENetConnection":
			peer.create_host(1)
			peer.connect_to_host("127.0.0.1", port)
		"LodeWebSocketClient":
			peer.connect_to_url("ws://127.0.0.1:%d" % port)
		"LodePacketPeerDTLS":
			peer.connect_to_host("127.0.0.1", port, "game.example", TLSOptions.client_unsafe())
	if arguments.size() > 2 and arguments[2] == "static":
		last = peer


func _process(_delta: float) -> bool:
	frames -= 1
	return frames <= 0 or _is_connected()


func _is_connected() -> bool:
	match peer.get_class():
		"LodeENetConnection":
			return peer.service()[0] == 1
		"LodePacketPeerDTLS":
			peer.poll()
			return peer.get_status() == 2
	peer.poll()
	return peer.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED
