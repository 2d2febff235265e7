extends Node
## A server that sends back what it receives, as what it was: text or bytes. It polls itself each frame.

var server := LodeWebSocketServer.new()
var connected: Array[int] = []
var disconnected: Array[int] = []
## For each of `disconnected`: whether the close was clean.
var clean: Array[bool] = []
## Messages of connections with a path that ends with "/report".
var reports: Array[String] = []
var protocols := PackedStringArray()
## Sets the server's properties.
var before_listening := Callable()


func _ready() -> void:
	server.bind_ip = "127.0.0.1"
	server.client_connected.connect(func(id: int, _protocol: String) -> void: connected.append(id))
	server.client_disconnected.connect(_on_disconnected)
	server.data_received.connect(_on_data)
	if before_listening.is_valid():
		before_listening.call(server)
	server.listen(0, protocols)


func _process(_delta: float) -> void:
	server.poll()


func port() -> int:
	return server.get_local_port()


func url() -> String:
	return "ws://127.0.0.1:%d" % port()


func _on_data(id: int) -> void:
	var peer := server.get_peer(id)
	var packet := peer.get_packet()
	if peer.get_request().get_path().ends_with("/report"):
		reports.append(packet.get_string_from_utf8())
		return
	if packet.get_string_from_utf8() == "close me":
		peer.close(4003, "bye")
		return
	# Not put_packet(): the engine's PacketPeer takes no empty packet.
	peer.send(packet, (
		LodeWebSocketPeer.WRITE_MODE_TEXT if peer.was_string_packet()
		else LodeWebSocketPeer.WRITE_MODE_BINARY
	))


func _on_disconnected(id: int, was_clean_close: bool) -> void:
	disconnected.append(id)
	clean.append(was_clean_close)
