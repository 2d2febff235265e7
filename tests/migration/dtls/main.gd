extends Node

var server := DTLSServer.new()
var udp := UDPServer.new()
var accepted: Array[PacketPeerDTLS] = []
var client: PacketPeerDTLS = PacketPeerDTLS.new()
var is_sent := false


func _ready() -> void:
	var crypto := Crypto.new()
	var key := crypto.generate_rsa(2048)
	var certificate := crypto.generate_self_signed_certificate(key, "CN=localhost")
	udp.listen(0, "127.0.0.1")
	server.setup(key, certificate)
	var socket := PacketPeerUDP.new()
	socket.connect_to_host("127.0.0.1", udp.get_local_port())
	client.connect_to_peer(socket, false)


func _process(_delta: float) -> void:
	udp.poll()
	if udp.is_connection_available():
		var peer := server.take_connection(udp.take_connection())
		if peer.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING:
			accepted.append(peer)
	client.poll()
	if client.get_status() == PacketPeerDTLS.STATUS_CONNECTED and not is_sent:
		is_sent = client.put_packet("hello".to_utf8_buffer()) == OK
	for peer in accepted:
		peer.poll()
		while peer.get_status() == PacketPeerDTLS.Status.STATUS_CONNECTED and peer.get_available_packet_count() > 0:
			print("exchanged ", peer.get_packet().get_string_from_utf8())
			get_tree().quit()


var other
var third


func with_a_chain(key, certificate, chain):
	other = DTLSServer.new()
	other.setup(key, certificate, chain) # LOOK
	third = PacketPeerDTLS.new()
	third.connect_to_peer(PacketPeerUDP.new(), "localhost", TLSOptions.client())
