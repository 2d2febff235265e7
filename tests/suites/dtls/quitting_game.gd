extends SceneTree
## A game in its own engine that quits after its first packet, without disconnecting in its script: `-- --listen`, `--host=PORT`
## for connect_to_host or `--peer=PORT` for connect_to_peer, and how it holds the object: `--hold=variable` or `static`.

const Endpoints := preload("res://suites/dtls/endpoints.gd")

## Static variables are released with the scripts, after nearly everything else.
static var last: Array[RefCounted] = []

var server: LodeDTLSServer
var peer: LodePacketPeerDTLS
var frames_left := 5


func _initialize() -> void:
	var hold := ""
	for argument in OS.get_cmdline_user_args():
		var port := argument.get_slice("=", 1).to_int()
		var trusted := TLSOptions.client(Endpoints.certificate("engine.crt"))
		match argument.get_slice("=", 0):
			"--hold":
				hold = argument.get_slice("=", 1)
			"--listen":
				server = LodeDTLSServer.new()
				server.setup(Endpoints.options())
				server.listen(0, "127.0.0.1")
				print("port ", server.get_local_port())
			"--host":
				peer = LodePacketPeerDTLS.new()
				peer.connect_to_host("127.0.0.1", port, Endpoints.NAME, trusted)
			"--peer":
				var udp := PacketPeerUDP.new()
				udp.connect_to_host("127.0.0.1", port)
				peer = LodePacketPeerDTLS.new()
				peer.connect_to_peer(udp, Endpoints.NAME, trusted)
	if hold == "static":
		last = [server, peer]


func _process(_delta: float) -> bool:
	if server != null and server.is_connection_available():
		peer = server.take_connection()
	if peer != null:
		peer.poll()
		if peer.get_available_packet_count() > 0:
			frames_left -= 1
	return frames_left <= 0
