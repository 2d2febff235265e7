extends SceneTree
## A server for the Autobahn test suite: it sends back what comes, text as text and bytes as bytes.

var server := LodeWebSocketServer.new()


func _initialize() -> void:
	# Without a window the engine sleeps this long in each frame, and a case of a thousand messages has a thousand frames.
	OS.low_processor_usage_mode_sleep_usec = 50
	server.bind_ip = "127.0.0.1"
	server.permessage_deflate = true
	# The longest message of the suite has 16 MiB.
	server.set_buffers(32 * 1024, 16384, 32 * 1024, 16384)
	server.data_received.connect(_on_data_received)
	if server.listen(0) != OK:
		quit(1)
	print("conformance: port ", server.get_local_port())


func _process(_delta: float) -> bool:
	server.poll()
	return false


func _on_data_received(id: int) -> void:
	var peer := server.get_peer(id)
	var packet := peer.get_packet()
	var mode := LodeWebSocketPeer.WRITE_MODE_TEXT if peer.was_string_packet() else LodeWebSocketPeer.WRITE_MODE_BINARY
	peer.send(packet, mode)
