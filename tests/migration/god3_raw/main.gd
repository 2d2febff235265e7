extends Node

# In the language of Godot 3: the engine converts it first.

const GREETING = "hello"

export(int) var port = 0

onready var label = get_node("Label")

var server = WebSocketServer.new()
var client = WebSocketClient.new()
var arena = NetworkedMultiplayerENet.new()
var guest = NetworkedMultiplayerENet.new()
var is_joined = false
var is_heard = false


func _ready():
	server.connect("client_connected", self, "_client_connected")
	server.connect("data_received", self, "_on_data")
	client.connect("connection_established", self, "_connected")
	server.listen(port, PoolStringArray(["chat"]))
	client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port(), PoolStringArray(["chat"]))
	get_tree().connect("network_peer_connected", self, "_joined")
	arena.create_server(0, 4)
	get_tree().network_peer = arena
	guest.create_client("127.0.0.1", arena.host.get_local_port())


func _client_connected(id, protocol):
	server.get_peer(id).set_write_mode(WebSocketPeer.WRITE_MODE_TEXT)
	label.text = protocol


func _connected(_protocol):
	client.get_peer(1).put_packet(GREETING.to_utf8())


func _on_data(id):
	is_heard = server.get_peer(id).get_packet().get_string_from_utf8() == GREETING
	_look()


func _joined(id):
	is_joined = get_tree().is_network_server() and id in get_tree().get_network_connected_peers()
	_look()


func _look():
	if is_joined and is_heard:
		print("exchanged ", label.text)
		guest.close_connection()
		arena.close_connection(100)
		get_tree().quit()


func _process(_delta):
	server.poll()
	client.poll()
	guest.poll()
