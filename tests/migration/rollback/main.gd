extends Node

const Adaptor := preload("res://addons/rewind/adaptor.gd")

var enet: ENetMultiplayerPeer = ENetMultiplayerPeer.new()
var client := ENetMultiplayerPeer.new()


func _ready() -> void:
	for branch: Node in [$Server, $Client]:
		get_tree().set_multiplayer(SceneMultiplayer.new(), branch.get_path())
	enet.create_server(0)
	var peer := enet as ENetMultiplayerPeer
	$Server.multiplayer.multiplayer_peer = peer
	client.create_client("127.0.0.1", peer.host.get_local_port())
	$Client.multiplayer.multiplayer_peer = client
	$Server.multiplayer.peer_connected.connect(_joined)


func _joined(id: int) -> void:
	var peer: MultiplayerPeer = $Server.multiplayer.multiplayer_peer
	if not peer is ENetMultiplayerPeer or \
			not enet is ENetMultiplayerPeer:
		return
	var other := enet.get_peer(id)
	var statistics: Array[ENetPacketPeer.PeerStatistic] = [
		ENetPacketPeer.PEER_ROUND_TRIP_TIME, ENetPacketPeer.PEER_PACKET_LOSS]
	for statistic in statistics:
		if other.get_statistic(statistic) < 0.0:
			return
	print("exchanged ", Adaptor.loss_of(peer, id) >= 0.0)
	get_tree().quit()
