extends RefCounted
## The endpoints of a test: servers and clients of either implementation, pumped once a frame.

const KEYS := "res://suites/dtls/keys/"
const NAME := "game.example"

## Echo packets to the sender.
var echoes := true
## For each `take_connection()` of the server: whether the peer was HANDSHAKING.
var takes: Array[bool] = []
## The peers of the server.
var accepted: Array = []
## The packets that the server has received.
var received: Array[PackedByteArray] = []
## The error messages of the server's peers.
var reasons: Array[String] = []

var _udp_server: UDPServer
var _server: RefCounted
var _clients: Array = []
var _is_own := false


static func key(file: String) -> CryptoKey:
	var path := file if file.begins_with("res://") else KEYS + file
	return load(path)


static func certificate(file: String) -> X509Certificate:
	var path := file if file.begins_with("res://") else KEYS + file
	return load(path)


static func options(key_file := "server.key", certificate_file := "engine.crt") -> TLSOptions:
	return TLSOptions.server(key(key_file), certificate(certificate_file))


## Starts a server of the implementation "Lode" or "" on a UDPServer, on a free port; returns the port.
func serve(implementation: String, server_options: TLSOptions) -> int:
	_server = ClassDB.instantiate(implementation + "DTLSServer")
	return serve_with(_server, server_options)


func serve_with(server: RefCounted, server_options: TLSOptions) -> int:
	_server = server
	if server.setup(server_options) != OK:
		return 0
	_udp_server = UDPServer.new()
	_udp_server.max_pending_connections = 256
	_udp_server.listen(0, "127.0.0.1")
	return _udp_server.get_local_port()


## Starts a server with its own socket.
func listen(server: LodeDTLSServer, server_options: TLSOptions) -> int:
	_server = server
	_is_own = true
	if server.setup(server_options) != OK or server.listen(0, "127.0.0.1") != OK:
		return 0
	return server.get_local_port()


## Starts a client through a socket of the engine.
func join(implementation: String, port: int, client_options: TLSOptions, hostname := NAME) -> PacketPeer:
	var peer: PacketPeer = ClassDB.instantiate(implementation + "PacketPeerDTLS")
	return join_with(peer, port, client_options, hostname)


func join_with(peer: PacketPeer, port: int, client_options: TLSOptions, hostname := NAME) -> PacketPeer:
	var udp := PacketPeerUDP.new()
	udp.connect_to_host("127.0.0.1", port)
	peer.connect_to_peer(udp, hostname, client_options)
	_clients.append(peer)
	return peer


func add(peer: PacketPeer) -> PacketPeer:
	_clients.append(peer)
	return peer


## Polls all endpoints once.
func pump() -> void:
	if _is_own:
		while _server.is_connection_available():
			accepted.append(_server.take_connection())
	elif _udp_server != null:
		_udp_server.poll()
		while _udp_server.is_connection_available():
			var peer: PacketPeer = _server.take_connection(_udp_server.take_connection())
			var is_handshaking: bool = peer.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING
			takes.append(is_handshaking)
			if is_handshaking:
				accepted.append(peer)
	for peer in accepted.duplicate():
		peer.poll()
		while peer.get_status() == PacketPeerDTLS.STATUS_CONNECTED and peer.get_available_packet_count() > 0:
			var packet: PackedByteArray = peer.get_packet()
			received.append(packet)
			if echoes:
				peer.put_packet(packet)
		if peer.get_status() not in [PacketPeerDTLS.STATUS_HANDSHAKING, PacketPeerDTLS.STATUS_CONNECTED]:
			if peer is LodePacketPeerDTLS:
				reasons.append(peer.get_error_message())
			accepted.erase(peer)
	for client in _clients:
		if client.get_status() in [PacketPeerDTLS.STATUS_HANDSHAKING, PacketPeerDTLS.STATUS_CONNECTED]:
			client.poll()


## For `wait_until`: pumps, and returns true if the client has this status.
func settled_to(client: PacketPeer, status: int) -> Callable:
	return func() -> bool:
		pump()
		return client.get_status() == status


## For `wait_until`: pumps, and returns true if the client is no longer HANDSHAKING.
func settled(client: PacketPeer) -> Callable:
	return func() -> bool:
		pump()
		return client.get_status() != PacketPeerDTLS.STATUS_HANDSHAKING


func connected(client: PacketPeer) -> Callable:
	return func() -> bool:
		pump()
		return client.get_status() == PacketPeerDTLS.STATUS_CONNECTED


## Closes all endpoints.
func close() -> void:
	for client in _clients:
		client.disconnect_from_peer()
	for peer in accepted:
		peer.disconnect_from_peer()
	if _is_own:
		_server.stop()
	_clients.clear()
	accepted.clear()
	_udp_server = null
	_is_own = false


## Removes a client without informing it.
func remove(client: PacketPeer) -> void:
	_clients.erase(client)
