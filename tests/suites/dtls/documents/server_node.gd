# The listing of the documentation of DTLSServer, with the changes of the migration guide: class names,
# TLSOptions.server(key, cert), server.poll(); and the names of the files.
extends Node

var dtls := LodeDTLSServer.new()
var server := UDPServer.new()
var peers = []

func _ready():
	server.listen(4242)
	var key = load("res://suites/dtls/keys/server.key") # Your private key.
	var cert = load("res://suites/dtls/keys/engine.crt") # Your X509 certificate.
	dtls.setup(TLSOptions.server(key, cert))

func _process(delta):
	server.poll()
	while server.is_connection_available():
		var peer: PacketPeerUDP = server.take_connection()
		var dtls_peer: LodePacketPeerDTLS = dtls.take_connection(peer)
		if dtls_peer.get_status() != LodePacketPeerDTLS.STATUS_HANDSHAKING:
			continue # It is normal that 50% of the connections fails due to cookie exchange.
		print("Peer connected!")
		peers.append(dtls_peer)

	for p in peers:
		p.poll() # Must poll to update the state.
		if p.get_status() == LodePacketPeerDTLS.STATUS_CONNECTED:
			while p.get_available_packet_count() > 0:
				print("Received message from client: %s" % p.get_packet().get_string_from_utf8())
				p.put_packet("Hello DTLS client".to_utf8_buffer())
