extends RefCounted
## A server with clients of the engine's that talk to it without end.

const CLIENTS := 4

## Without a type: the class goes and comes back when the extension is reloaded.
var server: Object
var clients: Array[WebSocketPeer] = []


func _init() -> void:
	server = ClassDB.instantiate("LodeWebSocketServer")
	server.bind_ip = "127.0.0.1"
	if server.listen(0) != OK:
		return
	for _i in CLIENTS:
		var client := WebSocketPeer.new()
		client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port())
		clients.append(client)


## Lets everybody talk. Says whether all clients are connected.
func step() -> bool:
	server.poll()
	var all_open := clients.size() == CLIENTS
	for client in clients:
		client.poll()
		if client.get_ready_state() == WebSocketPeer.STATE_OPEN:
			client.send_text("more")
		else:
			all_open = false
	return all_open
