extends Node

const Server = preload("res://server.gd")

var kinds = {"WebSocketServer": 1}
var more_kinds = {WebSocketClient = 2}
var _client: WebSocketClient = WebSocketClient.new()
var _server = Server.new()


func _ready():
	add_child(_server)
	_server.done.connect(_done)
	_client.connect("connection_established", self, "_connected")
	_client.connect_to_url("ws://127.0.0.1:%d" % _server.port())


func _connected(_protocol):
	var peer := _client.get_peer(1) as WebSocketPeer
	peer.set_write_mode(WebSocketPeer.WRITE_MODE_TEXT)
	peer.put_packet("hello".to_utf8_buffer())


func _done():
	print("exchanged ", kinds, more_kinds)
	get_tree().quit()


func _process(_delta):
	_client.poll()


static func make(name):
	if ClassDB.class_exists("WebSocketServer"):
		return ClassDB.instantiate(&"WebSocketServer")
	var later = 'WebSocketClient' # LOOK
	return ClassDB.instantiate(later) if name else null
