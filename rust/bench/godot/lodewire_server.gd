extends RefCounted
## Ours.

var work := "echo"
var key: CryptoKey
var certificate: X509Certificate
var handshakes := 0
var handled := 0

var _server := LodeWebSocketServer.new()
var _peers: Array[LodeWebSocketPeer] = []


func start() -> String:
	if work == "batch" and not ClassDB.class_has_method(&"LodeWebSocketPeer", &"get_packets"):
		return "there is no LodeWebSocketPeer.get_packets() yet"
	_server.bind_ip = "127.0.0.1"
	if key != null:
		_server.private_key = key
		_server.ssl_certificate = certificate
		# One in a handshake with TLS must not be dropped on a slow machine.
		_server.handshake_timeout = 20.0
	_server.client_connected.connect(_on_connected)
	if work == "echo":
		_server.data_received.connect(_on_data)
	var error := _server.listen(0)
	return "" if error == OK else "listen() says: " + error_string(error)


func port() -> int:
	return _server.get_local_port()


func serve() -> void:
	_server.poll()
	if work == "batch":
		for peer in _peers:
			_echo_batch(peer)


func _on_connected(id: int, _protocol: String) -> void:
	handshakes += 1
	if work == "batch":
		_peers.append(_server.get_peer(id))


func _on_data(id: int) -> void:
	var peer := _server.get_peer(id)
	peer.put_packet(peer.get_packet())
	handled += 1


## Without a type, so that this script can be read where the method is not there.
func _echo_batch(peer: Variant) -> void:
	var packets: Array = peer.get_packets()
	for packet: PackedByteArray in packets:
		peer.put_packet(packet)
	handled += packets.size()
