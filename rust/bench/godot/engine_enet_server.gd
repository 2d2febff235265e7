extends RefCounted
## The engine's own ENet.

## As many slots as peers are to come, and as there can be.
const SLOTS := {"echo": 256, "idle": 4095}
const CHANNELS := 2

var work := "echo"
var key: CryptoKey
var certificate: X509Certificate
var handshakes := 0
var echoes := 0

var _host := ENetConnection.new()


func start() -> String:
	var error := _host.create_host_bound("127.0.0.1", 0, SLOTS[work], CHANNELS)
	return "" if error == OK else error_string(error)


func port() -> int:
	return _host.get_local_port()


func serve() -> void:
	while true:
		var event := _host.service()
		match event[0]:
			ENetConnection.EVENT_RECEIVE:
				var peer: ENetPacketPeer = event[1]
				peer.send(0, peer.get_packet(), ENetPacketPeer.FLAG_RELIABLE)
				echoes += 1
			ENetConnection.EVENT_CONNECT:
				handshakes += 1
			ENetConnection.EVENT_DISCONNECT:
				pass
			_:
				return
