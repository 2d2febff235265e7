extends SceneTree
# Godot 3's WebSocketClient in its multiplayer mode. It greets the server and every other client, tells what comes, and
# leaves when it is told to. The last argument is the URL.

var client = WebSocketClient.new()


func _init():
	client.connect("connection_succeeded", self, "_succeeded")
	client.connect("connection_failed", self, "_failed")
	client.connect("peer_connected", self, "_peer_connected")
	client.connect("peer_disconnected", self, "_peer_disconnected")
	var arguments = OS.get_cmdline_args()
	if client.connect_to_url(arguments[arguments.size() - 1], [], true) != OK:
		_failed()


func _idle(_delta):
	client.poll()
	while client.get_available_packet_count() > 0:
		var from = client.get_packet_peer()
		var text = client.get_packet().get_string_from_utf8()
		print("packet ", from, " ", text)
		if text == "leave":
			client.disconnect_from_host()
			quit()
	return false


func _succeeded():
	print("id ", client.get_unique_id())


func _peer_connected(id):
	print("peer ", id)
	client.set_target_peer(id)
	client.put_packet(("hello " + str(id)).to_utf8())


func _peer_disconnected(id):
	print("gone ", id)


func _failed():
	print("no connection")
	quit(1)
