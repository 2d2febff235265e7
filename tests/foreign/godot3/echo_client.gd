extends SceneTree
# Godot 3's WebSocketClient at an echo server: what it sends comes back. The last argument is the URL.

const LENGTHS = [1, 125, 126, 1000, 60000]

var client = WebSocketClient.new()
var next = 0


func _init():
	client.connect("connection_established", self, "_established")
	client.connect("connection_error", self, "_failed")
	client.connect("data_received", self, "_data")
	client.connect("server_close_request", self, "_close_request")
	client.connect("connection_closed", self, "_closed")
	var arguments = OS.get_cmdline_args()
	if client.connect_to_url(arguments[arguments.size() - 1], ["b", "a"]) != OK:
		_failed()


func _idle(_delta):
	client.poll()
	return false


func _established(protocol):
	print("established ", protocol)
	_send()


func _send():
	var bytes = PoolByteArray()
	bytes.resize(LENGTHS[next])
	for index in bytes.size():
		bytes[index] = index % 251
	client.get_peer(1).put_packet(bytes)


func _data():
	var peer = client.get_peer(1)
	if next < LENGTHS.size():
		var packet = peer.get_packet()
		if packet.size() != LENGTHS[next] or peer.was_string_packet() or packet[packet.size() - 1] != (packet.size() - 1) % 251:
			print("message ", next, " comes back changed")
			quit(1)
		next += 1
		if next < LENGTHS.size():
			_send()
		else:
			peer.set_write_mode(WebSocketPeer.WRITE_MODE_TEXT)
			peer.put_packet("grüße".to_utf8())
		return
	print("text ", peer.get_packet().get_string_from_utf8(), " ", peer.was_string_packet())
	peer.put_packet("close me".to_utf8())


func _close_request(code, reason):
	print("close request ", code, " ", reason)


func _closed(was_clean):
	print("closed ", was_clean)
	quit()


func _failed():
	print("no connection")
	quit(1)
