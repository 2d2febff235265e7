extends Node
## A server: the one in the documentation of DTLSServer, adapted to Godot 4.
## It creates a key and a certificate on its first start; the client of the demo, on the same
## machine, trusts that certificate. Run it with `-- --port=4242` for another port; 0 picks a free one.

const WebSocketServer := preload("res://websocket/server.gd")
const Credentials := preload("res://credentials.gd")

var dtls := LodeDTLSServer.new()
var server := UDPServer.new()
var peers: Array[LodePacketPeerDTLS] = []


func _ready() -> void:
	var port := WebSocketServer.port_of_command_line(4242)
	if dtls.setup(Credentials.server_options()) != OK or server.listen(port) != OK:
		get_tree().quit(1)
		return
	print("listening on port ", server.get_local_port())


func _process(_delta: float) -> void:
	server.poll()
	while server.is_connection_available():
		var peer := dtls.take_connection(server.take_connection())
		if peer.get_status() != LodePacketPeerDTLS.STATUS_HANDSHAKING:
			continue # It is normal that every client comes twice, due to the cookie exchange.
		print("joined")
		peers.append(peer)

	for peer: LodePacketPeerDTLS in peers.duplicate():
		peer.poll()
		while peer.get_available_packet_count() > 0:
			print("received: ", peer.get_packet().get_string_from_utf8())
			peer.put_packet("Hello DTLS client".to_utf8_buffer())
		if peer.get_status() == LodePacketPeerDTLS.STATUS_DISCONNECTED:
			print("left")
			peers.erase(peer)
