extends RefCounted
## Ports for programs that cannot pick a free one themselves (port 0).
##
## The system does not assign these ports, and each is reserved for one test process, by a socket of the other protocol with
## the same number. So no other process uses it before the test does.

const FIRST := 12_000
const LAST := 24_000
## The number of reserved ports: more than any test needs.
const KEPT := 64
## The reserved ports: a static variable would outlive the engine's leak check.
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
