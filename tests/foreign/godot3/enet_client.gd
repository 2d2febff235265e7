extends SceneTree
# Godot 3's NetworkedMultiplayerENet as a client. The last argument is the port and the compression.

const MODES = ["none", "range_coder", "fastlz", "zlib", "zstd"]

var peer = NetworkedMultiplayerENet.new()


func _init():
	var arguments = OS.get_cmdline_args()
	var argument = arguments[arguments.size() - 1].split(",")
	peer.compression_mode = MODES.find(argument[1])
	peer.connect("peer_connected", self, "_peer")
	peer.connect("connection_failed", self, "_failed")
	if peer.create_client("127.0.0.1", int(argument[0])) != OK:
		_failed()


func _idle(_delta):
	peer.poll()
	while peer.get_available_packet_count() > 0:
		var from = peer.get_packet_peer()
		print("got ", peer.get_packet().get_string_from_ascii(), " from ", from)
		peer.close_connection()
		quit()
		return true
	return false


func _peer(id):
	if id != 1:
		return
	peer.set_target_peer(1)
	peer.transfer_mode = NetworkedMultiplayerPeer.TRANSFER_MODE_RELIABLE
	peer.put_packet("reliable".to_ascii())
	peer.transfer_mode = NetworkedMultiplayerPeer.TRANSFER_MODE_UNRELIABLE_ORDERED
	peer.put_packet("unreliable".to_ascii())
	var bytes = PoolByteArray()
	bytes.resize(20000)
	for index in bytes.size():
		bytes[index] = index % 13
	peer.transfer_mode = NetworkedMultiplayerPeer.TRANSFER_MODE_RELIABLE
	peer.put_packet(bytes)


func _failed():
	print("no connection")
	quit(1)
