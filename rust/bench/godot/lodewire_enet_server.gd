extends RefCounted
## Ours: as engine_enet_server.gd.

const SLOTS := 256
const SLOTS_FOR_IDLE_PEERS := 4095
const CHANNELS := 2

var work := "echo"
var key: CryptoKey
var certificate: X509Certificate
var handshakes := 0
var handled := 0

var _host := LodeENetConnection.new()


func start() -> String:
	var slots := SLOTS_FOR_IDLE_PEERS if work == "idle" else SLOTS
	var error := _host.create_host_bound("127.0.0.1", 0, slots, CHANNELS)
	return "" if error == OK else error_string(error)


func port() -> int:
	return _host.get_local_port()


func serve() -> void:
	if work == "batch":
		_serve_batches()
		return
	while true:
		var event := _host.service()
		match event[0]:
			LodeENetConnection.EVENT_RECEIVE:
				var peer: LodeENetPacketPeer = event[1]
				var packet := peer.get_packet()
				if work == "echo":
					peer.send(0, packet, LodeENetPacketPeer.FLAG_RELIABLE)
				handled += 1
			LodeENetConnection.EVENT_CONNECT:
				handshakes += 1
			LodeENetConnection.EVENT_DISCONNECT:
				pass
			_:
				return


func _serve_batches() -> void:
	for event in _host.service_all():
		match event[0]:
			LodeENetConnection.EVENT_RECEIVE:
				var peer: LodeENetPacketPeer = event[1]
				handled += peer.get_packets().size()
			LodeENetConnection.EVENT_CONNECT:
				handshakes += 1
