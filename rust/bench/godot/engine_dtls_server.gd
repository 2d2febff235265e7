extends RefCounted
## The engine's own DTLSServer, as its document has it.

var work := "echo"
var key: CryptoKey
var certificate: X509Certificate
var handshakes := 0
var handled := 0

var _dtls := DTLSServer.new()
var _server := UDPServer.new()
## Those that are connecting, and those that are there.
var _joining: Array[PacketPeerDTLS] = []
var _peers: Array[PacketPeerDTLS] = []


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
			_joining.append(peer)
	_serve_peers()


func _serve_peers() -> void:
	for peer: PacketPeerDTLS in _joining.duplicate():
		peer.poll()
		if peer.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING:
			continue
		_joining.erase(peer)
		if peer.get_status() == PacketPeerDTLS.STATUS_CONNECTED:
			handshakes += 1
			_peers.append(peer)
	var echoes := work == "echo"
	var gone: PacketPeerDTLS = null
	for peer: PacketPeerDTLS in _peers:
		peer.poll()
		if peer.get_status() == PacketPeerDTLS.STATUS_CONNECTED:
			while peer.get_available_packet_count() > 0:
				var packet := peer.get_packet()
				if echoes:
					peer.put_packet(packet)
				handled += 1
				# It has one packet at the most after each poll.
				peer.poll()
		else:
			gone = peer
	_peers.erase(gone)
