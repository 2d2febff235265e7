extends RefCounted
## Servers of WebSocket and ENet, with clients of the engine's that talk to them without end.

const CLIENTS := 4

## Without a type: the class goes and comes back when the extension is reloaded.
var server: Object
var clients: Array[WebSocketPeer] = []
var enet_server: Object
var enet_client := ENetConnection.new()
var _enet_connected := false


func _init() -> void:
	server = ClassDB.instantiate("LodeWebSocketServer")
	server.bind_ip = "127.0.0.1"
	if server.listen(0) != OK:
		return
	for _i in CLIENTS:
		var client := WebSocketPeer.new()
		client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port())
		clients.append(client)
	enet_server = ClassDB.instantiate("LodeENetConnection")
	if enet_server.create_host_bound("127.0.0.1", 0) != OK:
		return
	enet_client.create_host(1)
	enet_client.connect_to_host("127.0.0.1", enet_server.get_local_port())


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
	return _step_enet() and all_open


func _step_enet() -> bool:
	while enet_server.service()[0] > ENetConnection.EVENT_NONE:
		pass
	while true:
		var event := enet_client.service()
		if event[0] <= ENetConnection.EVENT_NONE:
			break
		_enet_connected = event[0] != ENetConnection.EVENT_DISCONNECT
	if _enet_connected:
		enet_client.broadcast(0, "more".to_ascii_buffer(), ENetPacketPeer.FLAG_RELIABLE)
	return _enet_connected
