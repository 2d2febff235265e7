extends RefCounted
## The engine's own DTLS on one side and plain UDP on the other: the builds of the engine at hand have no ENet with DTLS.

var udp_server := UDPServer.new()
## The destination of forwarded packets.
var target_port: int

var _dtls: DTLSServer
var _is_dtls_side_server: bool
## Pairs of an incoming peer and its outgoing one.
var _pairs: Array = []
var _ways: Array[PacketPeerUDP] = []


## Clients connect with DTLS, and are forwarded to a plain port.
func decrypt(to_port: int, options: TLSOptions) -> int:
	target_port = to_port
	_is_dtls_side_server = true
	_dtls = DTLSServer.new()
	_dtls.setup(options)
	udp_server.listen(0, "127.0.0.1")
	return udp_server.get_local_port()


## Clients connect without DTLS, and are forwarded with DTLS.
func encrypt(to_port: int) -> int:
	target_port = to_port
	udp_server.listen(0, "127.0.0.1")
	return udp_server.get_local_port()


## The DTLS peers of the plain clients.
func ways() -> Array[PacketPeerUDP]:
	return _ways


func pump() -> void:
	udp_server.poll()
	while udp_server.is_connection_available():
		var peer := udp_server.take_connection()
		var onward := PacketPeerUDP.new()
		onward.connect_to_host("127.0.0.1", target_port)
		if _is_dtls_side_server:
			var dtls := _dtls.take_connection(peer)
			if dtls.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING:
				_pairs.append([dtls, onward])
		else:
			var dtls := PacketPeerDTLS.new()
			dtls.connect_to_peer(onward, "game.example", TLSOptions.client_unsafe())
			_pairs.append([dtls, peer])
			_ways.append(onward)
	for pair: Array in _pairs:
		var dtls: PacketPeerDTLS = pair[0]
		if dtls.get_status() not in [PacketPeerDTLS.STATUS_HANDSHAKING, PacketPeerDTLS.STATUS_CONNECTED]:
			continue
		dtls.poll()
		if dtls.get_status() == PacketPeerDTLS.STATUS_CONNECTED:
			_move(dtls, pair[1])
			_move(pair[1], dtls)


func _move(from: PacketPeer, to: PacketPeer) -> void:
	while from.get_available_packet_count() > 0:
		to.put_packet(from.get_packet())
