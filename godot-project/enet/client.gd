extends Node
## A client with the engine's own ENetConnection, so that the demo tests compatibility.
## It sends a message, waits for the answer, and disconnects.

const WebSocketServer := preload("res://websocket/server.gd")

var host := ENetConnection.new()
var server: ENetPacketPeer
var answers := 0


func _ready() -> void:
	host.create_host(1)
	host.compress(ENetConnection.COMPRESS_RANGE_CODER)
	server = host.connect_to_host("127.0.0.1", WebSocketServer.port_of_command_line(9090), 2)


func _process(_delta: float) -> void:
	while true:
		var event: Array = host.service()
		match event[0]:
			ENetConnection.EVENT_CONNECT:
				print("connected, on ", server.get_channels(), " channels")
			ENetConnection.EVENT_RECEIVE:
				print("received: ", server.get_packet().get_string_from_utf8())
				answers += 1
				if answers == 1:
					server.send(0, "hello".to_utf8_buffer(), ENetPacketPeer.FLAG_RELIABLE)
				else:
					server.peer_disconnect(7)
			ENetConnection.EVENT_DISCONNECT:
				print("left")
				_end(0 if answers == 2 else 1)
				return
			_:
				return


## In the examples its server runs in the same process and continues.
func _end(code: int) -> void:
	if get_tree().current_scene == self:
		get_tree().quit(code)
	else:
		queue_free()
