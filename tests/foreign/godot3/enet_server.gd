extends SceneTree
# Godot 3's NetworkedMultiplayerENet as a server: sends every packet back. The last argument is the port and the compression.

const MODES = ["none", "range_coder", "fastlz", "zlib", "zstd"]

var peer = NetworkedMultiplayerENet.new()


func _init():
	var arguments = OS.get_cmdline_args()
	var argument = arguments[arguments.size() - 1].split(",")
	peer.compression_mode = MODES.find(argument[1])
	peer.connect("peer_connected", self, "_joined")
	peer.connect("peer_disconnected", self, "_left")
	if peer.create_server(int(argument[0]), 4) != OK:
		print("no port")
		quit(1)
	print("listening")


func _idle(_delta):
	peer.poll()
	while peer.get_available_packet_count() > 0:
		var from = peer.get_packet_peer()
		var packet = peer.get_packet()
		peer.set_target_peer(from)
		peer.put_packet(packet)
	return false


func _joined(id):
	print("joined ", id)


func _left(id):
	print("left ", id)
