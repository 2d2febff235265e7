extends RefCounted
## The engine's own ENet.

## As many slots as peers are to come, and as there can be.
const SLOTS := 256
const SLOTS_FOR_IDLE_PEERS := 4095
const CHANNELS := 2

var work := "echo"
var key: CryptoKey
var certificate: X509Certificate
var handshakes := 0
var handled := 0

var _host := ENetConnection.new()


func start() -> String:
	var slots := SLOTS_FOR_IDLE_PEERS if work == "idle" else SLOTS
	var error := _host.create_host_bound("127.0.0.1", 0, slots, CHANNELS)
	return "" if error == OK else error_string(error)


func port() -> int:
	return _host.get_local_port()


func serve() -> void:
	while true:
		var event := _host.service()
		match event[0]:
			ENetConnection.EVENT_RECEIVE:
				var peer: ENetPacketPeer = event[1]
				var packet := peer.get_packet()
				if work == "echo":
					peer.send(0, packet, ENetPacketPeer.FLAG_RELIABLE)
				handled += 1
			ENetConnection.EVENT_CONNECT:
				handshakes += 1
			ENetConnection.EVENT_DISCONNECT:
				pass
			_:
				return
