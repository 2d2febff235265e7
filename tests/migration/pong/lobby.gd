extends Node
# The lobby as the engine's demos have it. A comment may say ENetMultiplayerPeer.new(): it stays.

signal exchanged

const NOTE := "ENetConnection is a word in a sentence here"

var peer: ENetMultiplayerPeer


func host() -> int:
	peer = ENetMultiplayerPeer.new()
	if peer.create_server(0, 2) != OK:
		return 0
	peer.get_host().compress(ENetConnection.COMPRESS_RANGE_CODER)
	multiplayer.multiplayer_peer = peer
	return peer.host.get_local_port()


func join(port: int) -> void:
	peer = ENetMultiplayerPeer.new()
	peer.create_client("127.0.0.1", port)
	peer.get_host().compress(
		# Compressed, since the server is.
		ENetConnection.COMPRESS_RANGE_CODER)
	multiplayer.set_multiplayer_peer(peer)
	multiplayer.connected_to_server.connect(func() -> void: hello.rpc_id(1, "hello"))


@rpc("any_peer", "reliable")
func hello(text: String) -> void:
	var from: ENetPacketPeer = peer.get_peer(multiplayer.get_remote_sender_id())
	if text == "hello" and from.get_state() == ENetPacketPeer.PeerState.STATE_CONNECTED:
		exchanged.emit()


func leave() -> void:
	if multiplayer.multiplayer_peer is ENetMultiplayerPeer:
		multiplayer.multiplayer_peer.close()
		multiplayer.multiplayer_peer = OfflineMultiplayerPeer.new()


func nobody_else() -> void:
	peer.host.refuse_new_connections(true) # LOOK
