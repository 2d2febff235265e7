extends Node
# One variable serves both roles, as in the engine's demo of the multiplayer over WebSocket.

var peer := WebSocketMultiplayerPeer.new()
var other := WebSocketMultiplayerPeer.new()


func _ready() -> void:
	for branch: Node in [$Server, $Client]:
		get_tree().set_multiplayer(SceneMultiplayer.new(), branch.get_path())
	var port := 40000 + OS.get_process_id() % 20000
	peer.create_server(port, "127.0.0.1") # LOOK
	$Server.multiplayer.multiplayer_peer = peer
	other.create_client("ws://127.0.0.1:%d" % port)
	$Client.multiplayer.multiplayer_peer = other
	$Server.multiplayer.peer_connected.connect(func(_id: int) -> void:
		print("exchanged")
		get_tree().quit())
