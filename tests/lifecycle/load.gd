extends RefCounted
## Servers of WebSocket, ENet and DTLS, with clients of the engine and of ours that send continuously.

const CLIENTS := 4

## Without a type: the class is removed and added again when the extension is reloaded.
var server: Object
var clients: Array[WebSocketPeer] = []
var enet_server: Object
var enet_client := ENetConnection.new()
var _enet_connected := false
var dtls_server: Object
var dtls_peers: Array[Object] = []
## The engine's, and ours with its own socket.
var dtls_clients: Array[Object] = []


func _init() -> void:
	# Its callables belong to the library, too.
	# By name, since the engine has it from 4.4 on.
	if ClassDB.has_method(&"class_call_static"):
		ClassDB.call(&"class_call_static", &"LodeMonitors", &"enable")
	server = ClassDB.instantiate("LodeWebSocketServer")
	server.bind_ip = "127.0.0.1"
	if server.listen(0) != OK:
		return
	for _i in CLIENTS:
		var client := WebSocketPeer.new()
		client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port())
		clients.append(client)
	enet_server = ClassDB.instantiate("LodeENetConnection")
	if enet_server.create_host_bound("127.0.0.1", 0) != OK:
		return
	enet_client.create_host(1)
	enet_client.connect_to_host("127.0.0.1", enet_server.get_local_port())
	_begin_dtls()


func _begin_dtls() -> void:
	var key: CryptoKey = load("res://suites/dtls/keys/server.key")
	var certificate: X509Certificate = load("res://suites/dtls/keys/engine.crt")
	dtls_server = ClassDB.instantiate("LodeDTLSServer")
	if dtls_server.setup(TLSOptions.server(key, certificate)) != OK or dtls_server.listen(0, "127.0.0.1") != OK:
		return
	var udp := PacketPeerUDP.new()
	udp.connect_to_host("127.0.0.1", dtls_server.get_local_port())
	var theirs := PacketPeerDTLS.new()
	theirs.connect_to_peer(udp, "game.example", TLSOptions.client_unsafe())
	var ours: Object = ClassDB.instantiate("LodePacketPeerDTLS")
	ours.connect_to_host("127.0.0.1", dtls_server.get_local_port(), "game.example", TLSOptions.client_unsafe())
	dtls_clients = [theirs, ours]


## Polls all peers and sends. Returns true if all clients are connected.
func step() -> bool:
	server.poll()
	var all_open := clients.size() == CLIENTS
	for client in clients:
		client.poll()
		if client.get_ready_state() == WebSocketPeer.STATE_OPEN:
			client.send_text("more")
		else:
			all_open = false
	return _step_enet() and _step_dtls() and all_open


func _step_dtls() -> bool:
	while dtls_server.is_connection_available():
		dtls_peers.append(dtls_server.take_connection())
	for peer in dtls_peers:
		peer.poll()
		peer.get_packets()
	var all_connected := dtls_clients.size() == 2
	for client in dtls_clients:
		client.poll()
		if client.get_status() == PacketPeerDTLS.STATUS_CONNECTED:
			client.put_packet("more".to_ascii_buffer())
		else:
			all_connected = false
	return all_connected


func _step_enet() -> bool:
	while enet_server.service()[0] > ENetConnection.EVENT_NONE:
		pass
	while true:
		var event := enet_client.service()
		if event[0] <= ENetConnection.EVENT_NONE:
			break
		_enet_connected = event[0] != ENetConnection.EVENT_DISCONNECT
	if _enet_connected:
		enet_client.broadcast(0, "more".to_ascii_buffer(), ENetPacketPeer.FLAG_RELIABLE)
	return _enet_connected
