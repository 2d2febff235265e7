extends Node
## The server of the soak run: all three families, each of which echoes. It prints the ports, then once a second a line
## `stat {...}`: the peers, and the longest frame since the last one.

const MAX_PEERS := 20000

var _websocket := LodeWebSocketServer.new()
var _enet := LodeENetConnection.new()
var _dtls := LodeDTLSServer.new()
var _dtls_peers: Array[LodePacketPeerDTLS] = []
var _worst := 0
var _next_stat := 0
var _enet_peers := 0


func _ready() -> void:
	Engine.max_fps = 60
	_websocket.bind_ip = "127.0.0.1"
	_websocket.max_clients = MAX_PEERS
	_websocket.heartbeat_interval = 20.0
	_websocket.data_received.connect(_on_data)
	var crypto := Crypto.new()
	var key := crypto.generate_rsa(2048)
	var certificate := crypto.generate_self_signed_certificate(key, "CN=localhost")
	if (_websocket.listen(0) != OK or _enet.create_host_bound("127.0.0.1", 0, 4095) != OK
			or _dtls.setup(TLSOptions.server(key, certificate)) != OK or _dtls.listen(0, "127.0.0.1") != OK):
		get_tree().quit(1)
		return
	print("ports %d %d %d" % [_websocket.get_local_port(), _enet.get_local_port(), _dtls.get_local_port()])


func _process(_delta: float) -> void:
	var began := Time.get_ticks_usec()
	_websocket.poll()
	for event in _enet.service_all():
		match event[0]:
			LodeENetConnection.EVENT_CONNECT:
				_enet_peers += 1
			LodeENetConnection.EVENT_DISCONNECT:
				_enet_peers -= 1
			LodeENetConnection.EVENT_RECEIVE:
				for packet: PackedByteArray in event[1].get_packets():
					event[1].send(0, packet, LodeENetPacketPeer.FLAG_RELIABLE)
	while _dtls.is_connection_available():
		_dtls_peers.append(_dtls.take_connection())
	for peer in _dtls_peers:
		peer.poll()
		for packet in peer.get_packets():
			peer.put_packet(packet)
	_worst = maxi(_worst, Time.get_ticks_usec() - began)
	if Time.get_ticks_msec() >= _next_stat:
		_next_stat = Time.get_ticks_msec() + 1000
		var connected := func(peer: LodePacketPeerDTLS) -> bool: return peer.get_status() == LodePacketPeerDTLS.STATUS_CONNECTED
		print("stat ", JSON.stringify({
			"websocket": _websocket.get_peers().size(),
			"enet": _enet_peers,
			"dtls": _dtls_peers.filter(connected).size(),
			"worst": _worst,
		}))
		_worst = 0


func _on_data(id: int) -> void:
	var peer := _websocket.get_peer(id)
	peer.put_packet(peer.get_packet())
