extends RefCounted
## The engine's own DTLSServer, as its document has it.

var work := "echo"
var key: CryptoKey
var certificate: X509Certificate
var handshakes := 0
var handled := 0

var _dtls := DTLSServer.new()
var _server := UDPServer.new()
## Each peer, and whether it was counted.
var _peers := {}


func start() -> String:
	_server.max_pending_connections = 256
	var error := _server.listen(0, "127.0.0.1")
	if error == OK:
		error = _dtls.setup(TLSOptions.server(key, certificate))
	return "" if error == OK else error_string(error)


func port() -> int:
	return _server.get_local_port()


func serve() -> void:
	_server.poll()
	while _server.is_connection_available():
		var peer := _dtls.take_connection(_server.take_connection())
		if peer.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING:
			_peers[peer] = false
	for peer: PacketPeerDTLS in _peers.keys():
		peer.poll()
		match peer.get_status():
			PacketPeerDTLS.STATUS_CONNECTED:
				if not _peers[peer]:
					_peers[peer] = true
					handshakes += 1
				# It has one packet at the most after each poll.
				while peer.get_available_packet_count() > 0:
					var packet := peer.get_packet()
					if work == "echo":
						peer.put_packet(packet)
					handled += 1
					peer.poll()
			PacketPeerDTLS.STATUS_HANDSHAKING:
				pass
			_:
				_peers.erase(peer)
