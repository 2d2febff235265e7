extends Node

signal done

var _server = WebSocketServer.new()


func _ready():
	_server.connect("client_connected", self, "_connected")
	_server.connect('client_disconnected', self, 'on_left')
	_server.connect("data_received", Callable(self, "_on_data"))
	_server.listen(0)


func port():
	return _server.get_local_port()


func _connected(id, proto):
	_server.get_peer(id).set_write_mode(WebSocketPeer.WRITE_MODE_TEXT)


func on_left(_id, _clean):
	pass


func _on_data(id):
	var peer: WebSocketPeer = _server.get_peer(id)
	var text = peer.get_packet().get_string_from_utf8()
	if peer.was_string_packet() and text == "hello":
		emit_signal("done")


func _process(_delta):
	_server.poll()


func later(other):
	other.connect("client_close_request", self, "on_left", [1]) # LOOK
