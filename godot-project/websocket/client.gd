extends Node
## The client of the demo: the engine's own WebSocketPeer, so that the demo tests compatibility.
## It sends a message, waits for the answer, and disconnects.

const Server := preload("res://websocket/server.gd")

var socket := WebSocketPeer.new()
var answers := 0


func _ready() -> void:
	socket.connect_to_url("ws://localhost:%d" % Server.port_of_command_line(9080))


func _process(_delta: float) -> void:
	socket.poll()
	while socket.get_available_packet_count() > 0:
		print("received: ", socket.get_packet().get_string_from_utf8())
		answers += 1
		if answers == 1:
			socket.send_text("hello")
		else:
			socket.close(1000, "goodbye")
	if socket.get_ready_state() == WebSocketPeer.STATE_CLOSED:
		print("closed with code ", socket.get_close_code())
		_end(0 if answers == 2 else 1)


## In the examples its server runs in the same process and continues.
func _end(code: int) -> void:
	if get_tree().current_scene == self:
		get_tree().quit(code)
	else:
		queue_free()
