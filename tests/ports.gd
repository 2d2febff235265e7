extends RefCounted
## Ports for what cannot be told to take a free one by itself (port 0).
##
## They are none that the system deals out, and each is kept for one test process: by a socket of the other protocol that holds
## the same number. So nobody else takes it before the test does.

const FIRST := 12_000
const LAST := 24_000
## How many are kept at once: more than any test needs.
const KEPT := 64
## Where they are kept: a static variable would outlive the engine's count of what is left.
const META := &"ports_of_tests"


## A UDP port of 127.0.0.1.
static func udp() -> int:
	return _take(PacketPeerUDP.new(), TCPServer.new())


## A TCP port of 127.0.0.1.
static func tcp() -> int:
	return _take(TCPServer.new(), PacketPeerUDP.new())


static func _take(probe: Object, keeper: Object) -> int:
	var loop := Engine.get_main_loop()
	var kept: Array = loop.get_meta(META, [])
	for _try in LAST - FIRST:
		var port := randi_range(FIRST, LAST)
		if _open(keeper, port) and _open(probe, port):
			_close(probe)
			kept.append(keeper)
			if kept.size() > KEPT:
				kept.pop_front()
			loop.set_meta(META, kept)
			return port
		_close(keeper)
	return 0


static func _open(socket: Object, port: int) -> bool:
	return (socket.listen(port, "127.0.0.1") if socket is TCPServer else socket.bind(port, "127.0.0.1")) == OK


static func _close(socket: Object) -> void:
	if socket is TCPServer:
		socket.stop()
	else:
		socket.close()
