class_name WebSocketServer
extends Node
# Many projects have a class of this name, as the engine's demos do: it is theirs.

signal message_received(id: int, text: String)

var tcp := TCPServer.new()
var peers: Dictionary = {}


func _process(_delta: float) -> void:
	while tcp.is_connection_available():
		var socket := WebSocketPeer.new()
		socket.accept_stream(tcp.take_connection()) # LOOK
		peers[peers.size() + 2] = socket
	for id: int in peers:
		var socket: WebSocketPeer = peers[id]
		socket.poll()
		while socket.get_ready_state() == WebSocketPeer.STATE_OPEN and socket.get_available_packet_count() > 0:
			message_received.emit(id, socket.get_packet().get_string_from_utf8())
