extends Node
## The server of the demo: it greets each client, and answers its messages.
## Run it with `-- --port=9080` for another port; 0 picks a free one.

var server := LodeWebSocketServer.new()


func _ready() -> void:
	server.client_connected.connect(_on_connected)
	server.client_disconnected.connect(_on_disconnected)
	server.data_received.connect(_on_data)
	if server.listen(port_of_command_line(9080)) != OK:
		get_tree().quit(1)
		return
	print("listening on port ", server.get_local_port())


func _process(_delta: float) -> void:
	server.poll()


func _on_connected(id: int, _protocol: String) -> void:
	print("joined: ", server.get_peer_address(id))
	server.get_peer(id).send_text("welcome")


func _on_data(id: int) -> void:
	var text := server.get_peer(id).get_packet().get_string_from_utf8()
	print("received: ", text)
	server.get_peer(id).send_text("you said: " + text)


func _on_disconnected(_id: int, was_clean_close: bool) -> void:
	print("left ", "with a clean close" if was_clean_close else "without a close")


static func port_of_command_line(default_port: int) -> int:
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--port="):
			return argument.trim_prefix("--port=").to_int()
	return default_port
