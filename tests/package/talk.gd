extends Node
## Runs in an empty project with only the zip: messages over all three families, with the documented calls.
## Prints `all talk` and exits with 0 when each message has come back.

const TIMEOUT_SECONDS := 60.0

var websocket_server := LodeWebSocketServer.new()
var websocket_client := LodeWebSocketClient.new()
var enet_server := LodeENetConnection.new()
var enet_client := LodeENetConnection.new()
var dtls_server := LodeDTLSServer.new()
var dtls_client := LodePacketPeerDTLS.new()
var dtls_peers: Array[LodePacketPeerDTLS] = []
var said := {}
var came_back := {}
var left := TIMEOUT_SECONDS


func _ready() -> void:
	print("version ", Engine.get_version_info().string)
	websocket_server.bind_ip = "127.0.0.1"
	if websocket_server.listen(0) != OK:
		get_tree().quit(1)
	websocket_server.data_received.connect(func(id: int) -> void:
		websocket_server.get_peer(id).put_packet(websocket_server.get_peer(id).get_packet()))
	websocket_client.connection_established.connect(func(_protocol: String) -> void:
		websocket_client.get_peer(1).put_packet("websocket".to_utf8_buffer()))
	websocket_client.data_received.connect(func() -> void:
		came_back["websocket"] = websocket_client.get_peer(1).get_packet())
	websocket_client.connect_to_url("ws://127.0.0.1:%d" % websocket_server.get_local_port())
	enet_server.create_host_bound("127.0.0.1", 0)
	enet_client.create_host(1)
	enet_client.connect_to_host("127.0.0.1", enet_server.get_local_port())
	var crypto := Crypto.new()
	var key := crypto.generate_rsa(2048)
	var certificate := crypto.generate_self_signed_certificate(key, "CN=game.example")
	dtls_server.setup(TLSOptions.server(key, certificate))
	dtls_server.listen(0, "127.0.0.1")
	dtls_client.connect_to_host("127.0.0.1", dtls_server.get_local_port(), "game.example", TLSOptions.client_unsafe(certificate))


func _process(delta: float) -> void:
	websocket_server.poll()
	websocket_client.poll()
	for event in enet_server.service_all():
		if event[0] == LodeENetConnection.EVENT_RECEIVE:
			for packet: PackedByteArray in event[1].get_packets():
				event[1].send(0, packet, LodeENetPacketPeer.FLAG_RELIABLE)
	for event in enet_client.service_all():
		if event[0] == LodeENetConnection.EVENT_CONNECT:
			event[1].send(0, "enet".to_utf8_buffer(), LodeENetPacketPeer.FLAG_RELIABLE)
		elif event[0] == LodeENetConnection.EVENT_RECEIVE:
			came_back["enet"] = event[1].get_packet()
	_step_dtls()
	var all := came_back.size() == 3
	for family: String in came_back:
		all = all and came_back[family].get_string_from_utf8() == family
	left -= delta
	if all:
		print("all talk")
		get_tree().quit(0)
	elif left <= 0.0:
		print("silent after %d s: %s" % [TIMEOUT_SECONDS, came_back])
		get_tree().quit(1)


func _step_dtls() -> void:
	while dtls_server.is_connection_available():
		dtls_peers.append(dtls_server.take_connection())
	for peer in dtls_peers:
		peer.poll()
		for packet in peer.get_packets():
			peer.put_packet(packet)
	dtls_client.poll()
	if dtls_client.get_status() == LodePacketPeerDTLS.STATUS_CONNECTED and not said.has("dtls"):
		said["dtls"] = true
		dtls_client.put_packet("dtls".to_utf8_buffer())
	for packet in dtls_client.get_packets():
		came_back["dtls"] = packet
