extends RefCounted
## Ours on the engine's sockets: as engine_dtls_server.gd.

var work := "echo"
var key: CryptoKey
var certificate: X509Certificate
var handshakes := 0
var handled := 0

var _dtls := LodeDTLSServer.new()
var _server := UDPServer.new()
## Those that are connecting, and those that are there.
var _joining: Array[LodePacketPeerDTLS] = []
var _peers: Array[LodePacketPeerDTLS] = []


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
		if peer.get_status() == LodePacketPeerDTLS.STATUS_HANDSHAKING:
			_joining.append(peer)
	_serve_peers()


func _serve_peers() -> void:
	for peer: LodePacketPeerDTLS in _joining.duplicate():
		peer.poll()
		if peer.get_status() == LodePacketPeerDTLS.STATUS_HANDSHAKING:
			continue
		_joining.erase(peer)
		if peer.get_status() == LodePacketPeerDTLS.STATUS_CONNECTED:
			handshakes += 1
			_peers.append(peer)
	var echoes := work == "echo"
	var batches := work == "batch"
	var gone: LodePacketPeerDTLS = null
	for peer: LodePacketPeerDTLS in _peers:
		peer.poll()
		if peer.get_status() == LodePacketPeerDTLS.STATUS_CONNECTED:
			if batches:
				handled += peer.get_packets().size()
				continue
			while peer.get_available_packet_count() > 0:
				var packet := peer.get_packet()
				if echoes:
					peer.put_packet(packet)
				handled += 1
		else:
			gone = peer
	_peers.erase(gone)
