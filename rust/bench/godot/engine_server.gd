extends RefCounted
## The engine's own classes.

var work := "echo"
var key: CryptoKey
var certificate: X509Certificate
var handshakes := 0
var handled := 0

var _tcp := TCPServer.new()
var _tls: TLSOptions
var _pending: Array[WebSocketPeer] = []
var _open: Array[WebSocketPeer] = []


func start() -> String:
	if key != null:
		_tls = TLSOptions.server(key, certificate)
	var error := _tcp.listen(0, "127.0.0.1")
	return "" if error == OK else error_string(error)


func port() -> int:
	return _tcp.get_local_port()


func serve() -> void:
	while _tcp.is_connection_available():
		_accept()
	for index in range(_pending.size() - 1, -1, -1):
		var peer := _pending[index]
		peer.poll()
		if peer.get_ready_state() == WebSocketPeer.STATE_OPEN:
			handshakes += 1
			_open.append(peer)
			_pending.remove_at(index)
			peer.set_no_delay(true)
	# Where handshakes are measured, those that are through shall cost nothing.
	if work == "handshakes":
		return
	for peer in _open:
		peer.poll()
		while peer.get_available_packet_count() > 0:
			peer.put_packet(peer.get_packet())
			handled += 1


func _accept() -> void:
	var stream := _tcp.take_connection()
	var peer := WebSocketPeer.new()
	if _tls == null:
		peer.accept_stream(stream)
	else:
		var tls := StreamPeerTLS.new()
		tls.accept_stream(stream, _tls)
		peer.accept_stream(tls)
	_pending.append(peer)
