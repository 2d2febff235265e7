# The listing of the documentation, with TLSOptions.client_unsafe() as in the migration guide.
extends Node

var dtls := LodePacketPeerDTLS.new()
var udp := PacketPeerUDP.new()
var connected = false

func _ready():
	udp.connect_to_host("127.0.0.1", 4242)
	dtls.connect_to_peer(udp, "", TLSOptions.client_unsafe()) # Use TLSOptions.client() in production for certificate validation!

func _process(delta):
	dtls.poll()
	if dtls.get_status() == LodePacketPeerDTLS.STATUS_CONNECTED:
		if !connected:
			# Try to contact server
			dtls.put_packet("The answer is... 42!".to_utf8_buffer())
		while dtls.get_available_packet_count() > 0:
			print("Connected: %s" % dtls.get_packet().get_string_from_utf8())
			connected = true
