extends Node
## The server of the chat: it broadcasts joins, leaves and messages. Messages are JSON, so that a page understands
## them: `{"from": "Ada", "text": "Hello!"}`; a client's first one has its name as the text.

const PORT := 9080
const LONGEST_TEXT := 500
const LONGEST_NAME := 20

var server := LodeWebSocketServer.new()
var names := {}


## True if it is listening; false if the port is in use, possibly by another instance.
func listen() -> bool:
	server.heartbeat_interval = 5.0
	server.data_received.connect(_on_data)
	server.client_disconnected.connect(_on_disconnected)
	# Another instance may use the port, which is not an error here, so this is checked first.
	var probe := TCPServer.new()
	if probe.listen(PORT) != OK:
		return false
	probe.stop()
	return server.listen(PORT) == OK


func _process(_delta: float) -> void:
	server.poll()


func _on_data(id: int) -> void:
	var text := server.get_peer(id).get_packet().get_string_from_utf8().strip_edges().left(LONGEST_TEXT)
	if names.has(id):
		_tell_all(names[id], text)
	elif not text.is_empty():
		names[id] = text.left(LONGEST_NAME)
		_tell_all("", "%s has joined from %s" % [names[id], server.get_peer_address(id)])


func _on_disconnected(id: int, _was_clean_close: bool) -> void:
	if names.has(id):
		_tell_all("", names[id] + " has left")
		names.erase(id)


func _tell_all(from: String, text: String) -> void:
	var message := JSON.stringify({"from": from, "text": text})
	server.broadcast(message.to_utf8_buffer(), LodeWebSocketPeer.WRITE_MODE_TEXT)
