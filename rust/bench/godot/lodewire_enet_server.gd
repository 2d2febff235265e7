extends RefCounted
## Ours: as engine_enet_server.gd.

const SLOTS := {"echo": 256, "idle": 4095}
const CHANNELS := 2

var work := "echo"
var key: CryptoKey
var certificate: X509Certificate
var handshakes := 0
var echoes := 0

var _host := LodeENetConnection.new()


func start() -> String:
	var error := _host.create_host_bound("127.0.0.1", 0, SLOTS[work], CHANNELS)
	return "" if error == OK else error_string(error)


func port() -> int:
	return _host.get_local_port()


func serve() -> void:
	while true:
		var event := _host.service()
		match event[0]:
			LodeENetConnection.EVENT_RECEIVE:
				var peer: LodeENetPacketPeer = event[1]
				peer.send(0, peer.get_packet(), LodeENetPacketPeer.FLAG_RELIABLE)
				echoes += 1
			LodeENetConnection.EVENT_CONNECT:
				handshakes += 1
			LodeENetConnection.EVENT_DISCONNECT:
				pass
			_:
				return
