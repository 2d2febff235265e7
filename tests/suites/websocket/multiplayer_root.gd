extends Node
## One side of a multiplayer game, in a tree with others: its own MultiplayerAPI, a node that is called from afar, and one
## that is spawned.

var peer: MultiplayerPeer
var calls: Array[String] = []
var players: Node
var events: Array[String] = []
## Called with the sender of each call.
var heard := Callable()


func _init(side: String, of_peer: MultiplayerPeer) -> void:
	name = side
	peer = of_peer


func _enter_tree() -> void:
	var api := SceneMultiplayer.new()
	get_tree().set_multiplayer(api, get_path())
	api.multiplayer_peer = peer
	api.peer_connected.connect(func(id: int) -> void: events.append("connected %d" % id))
	api.peer_disconnected.connect(func(id: int) -> void: events.append("disconnected %d" % id))
	api.connected_to_server.connect(func() -> void: events.append("connected_to_server"))
	api.server_disconnected.connect(func() -> void: events.append("server_disconnected"))
	api.connection_failed.connect(func() -> void: events.append("connection_failed"))


func _ready() -> void:
	players = Node.new()
	players.name = "Players"
	add_child(players)
	var spawner := MultiplayerSpawner.new()
	spawner.name = "Spawner"
	spawner.spawn_function = _make_player
	add_child(spawner)
	spawner.spawn_path = NodePath("../Players")


func _exit_tree() -> void:
	multiplayer.multiplayer_peer = null
	get_tree().set_multiplayer(null, get_path())


func spawn(position: Vector2) -> void:
	(get_node("Spawner") as MultiplayerSpawner).spawn(position)


func _make_player(position: Variant) -> Node:
	var player := Node2D.new()
	player.position = position
	return player


@rpc("any_peer", "call_remote", "reliable")
func say(what: String) -> void:
	calls.append("%d %s" % [multiplayer.get_remote_sender_id(), what])
	if heard.is_valid():
		heard.call(multiplayer.get_remote_sender_id())


func say_to_server(what: String) -> void:
	if multiplayer.get_unique_id() > 1:
		say.rpc_id(1, what)
