extends Node

var host = NetworkedMultiplayerENet.new()
var guest = NetworkedMultiplayerENet.new()


func _ready():
	host.create_server(0, 4)
	get_tree().connect("network_peer_connected", self, "_joined")
	get_tree().connect("server_disconnected", Callable(self, "_gone"))
	get_tree().network_peer = host
	guest.set_transfer_mode(NetworkedMultiplayerPeer.TRANSFER_MODE_RELIABLE)
	guest.create_client("127.0.0.1", host.host.get_local_port())


func _process(_delta):
	guest.poll()


func _joined(id):
	var address = host.get_peer_address(id)
	host.set_peer_timeout(id, 32, 5000,
			30000)
	var is_alright = get_tree().is_network_server() and get_tree().get_network_unique_id() == 1
	if address == "127.0.0.1" and host.get_peer_port(id) > 0 and is_alright and host is NetworkedMultiplayerENet:
		print("exchanged")
	guest.close_connection()
	host.close_connection(100)
	get_tree().set_network_peer(null)
	get_tree().quit()


func _gone():
	pass


func settings():
	host.compression_mode = NetworkedMultiplayerENet.COMPRESS_RANGE_CODER # LOOK
	host.set_dtls_enabled(true) # LOOK
	host.connect("connection_succeeded", self, "_gone") # LOOK
	host.always_ordered = true # LOOK
	get_tree().network_peer.close_connection() # LOOK
