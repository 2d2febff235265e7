extends Node
## A client with the engine's own PacketPeerDTLS, so that the demo tests compatibility.
## It repeats its message until the server answers, and disconnects.

const WebSocketServer := preload("res://websocket/server.gd")
const Credentials := preload("res://credentials.gd")

var dtls := PacketPeerDTLS.new()
var udp := PacketPeerUDP.new()


func _ready() -> void:
	udp.connect_to_host("127.0.0.1", WebSocketServer.port_of_command_line(4242))
	dtls.connect_to_peer(udp, Credentials.HOSTNAME, Credentials.client_options())


func _process(_delta: float) -> void:
	dtls.poll()
	match dtls.get_status():
		PacketPeerDTLS.STATUS_CONNECTED:
			dtls.put_packet("The answer is... 42!".to_utf8_buffer())
			while dtls.get_available_packet_count() > 0:
				print("received: ", dtls.get_packet().get_string_from_utf8())
				dtls.disconnect_from_peer()
				_end(0)
				return
		PacketPeerDTLS.STATUS_HANDSHAKING:
			pass
		var status:
			print("no connection: status ", status)
			_end(1)


## In the examples its server runs in the same process and continues.
func _end(code: int) -> void:
	if get_tree().current_scene == self:
		get_tree().quit(code)
	else:
		queue_free()
