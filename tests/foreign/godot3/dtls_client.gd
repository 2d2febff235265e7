extends SceneTree
# Godot 3's PacketPeerDTLS as a client: sends packets of every length, and waits for the echo of each. The last argument is
# the port.

var udp = PacketPeerUDP.new()
var dtls = PacketPeerDTLS.new()
var waited_for = 0
var echoes = 0


func _init():
	var arguments = OS.get_cmdline_args()
	udp.connect_to_host("127.0.0.1", int(arguments[arguments.size() - 1]))
	dtls.connect_to_peer(udp, false)


func _idle(_delta):
	# Godot 3.2 goes on for a while after it was told to quit.
	if echoes == 200:
		return true
	dtls.poll()
	if dtls.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING:
		return false
	if dtls.get_status() != PacketPeerDTLS.STATUS_CONNECTED:
		print("status ", dtls.get_status())
		quit(1)
		return true
	while dtls.get_available_packet_count() > 0:
		if dtls.get_packet().size() == waited_for:
			echoes += 1
			waited_for = 0
	if waited_for == 0:
		if echoes == 200:
			print("echoes ", echoes)
			dtls.disconnect_from_peer()
			quit()
			return true
		waited_for = 16384 if echoes == 199 else 1 + echoes * 82
		var packet = PoolByteArray()
		packet.resize(waited_for)
		dtls.put_packet(packet)
	return false
