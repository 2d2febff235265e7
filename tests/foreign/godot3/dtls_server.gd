extends SceneTree
# Godot 3's DTLSServer: sends every packet back. The last argument is where to keep the certificate that it makes.

var dtls = DTLSServer.new()
var server = UDPServer.new()
var peers = []


func _init():
	var arguments = OS.get_cmdline_args()
	var crypto = Crypto.new()
	var key = crypto.generate_rsa(2048)
	var certificate = crypto.generate_self_signed_certificate(key, "CN=game.example,O=x,C=DE")
	certificate.save(arguments[arguments.size() - 1])
	dtls.setup(key, certificate)
	var port = 20000 + OS.get_process_id() % 10000
	while server.listen(port, "127.0.0.1") != OK:
		port += 1
	print("listening on ", port)


func _idle(_delta):
	# Godot 3.2 has it not.
	if server.has_method("poll"):
		server.poll()
	while server.is_connection_available():
		var peer = dtls.take_connection(server.take_connection())
		if peer.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING:
			peers.append(peer)
	for peer in peers:
		peer.poll()
		if peer.get_status() == PacketPeerDTLS.STATUS_CONNECTED:
			while peer.get_available_packet_count() > 0:
				peer.put_packet(peer.get_packet())
	return false
