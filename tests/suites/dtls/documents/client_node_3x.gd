# The same with Godot 3's arguments: connect_to_peer_godot_3(udp, false).
extends Node

var dtls := LodePacketPeerDTLS.new()
var udp := PacketPeerUDP.new()
var connected = false

func _ready():
	udp.connect_to_host("127.0.0.1", 4242)
	dtls.connect_to_peer_godot_3(udp, false) # Use true in production for certificate validation!

func _process(delta):
	dtls.poll()
	if dtls.get_status() == LodePacketPeerDTLS.STATUS_CONNECTED:
		if !connected:
			# Try to contact server
			dtls.put_packet("The answer is... 42!".to_utf8_buffer())
		while dtls.get_available_packet_count() > 0:
			print("Connected: %s" % dtls.get_packet().get_string_from_utf8())
			connected = true
