extends Node
## A server: it greets each client, and answers its messages.
## Run it with `-- --port=9090` for another port; 0 picks a free one.

const WebSocketServer := preload("res://websocket/server.gd")

var host := LodeENetConnection.new()


func _ready() -> void:
	var port := WebSocketServer.port_of_command_line(9090)
	# Up to 32 peers, with two channels each.
	if host.create_host_bound("*", port, 32, 2) != OK:
		get_tree().quit(1)
		return
	host.compress(LodeENetConnection.COMPRESS_RANGE_CODER)
	print("listening on port ", host.get_local_port())


func _process(_delta: float) -> void:
	for event in host.service_all():
		var peer: LodeENetPacketPeer = event[1]
		match event[0]:
			LodeENetConnection.EVENT_CONNECT:
				print("joined: ", peer.get_remote_address())
				_say(peer, "welcome")
			LodeENetConnection.EVENT_RECEIVE:
				for packet in peer.get_packets():
					var text: String = packet.get_string_from_utf8()
					print("received: ", text)
					_say(peer, "you said: " + text)
			LodeENetConnection.EVENT_DISCONNECT:
				print("left with ", event[2])
			LodeENetConnection.EVENT_ERROR:
				get_tree().quit(1)


func _say(peer: LodeENetPacketPeer, text: String) -> void:
	peer.send(0, text.to_utf8_buffer(), LodeENetPacketPeer.FLAG_RELIABLE)
