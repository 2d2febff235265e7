extends "res://test_case.gd"
## Packets of a kicked peer are ignored.

const RawClient := preload("res://suites/websocket/raw_client.gd")
const Root := preload("res://suites/websocket/multiplayer_root.gd")

const CALLS := 20

var server := LodeWebSocketServer.new()


func before_each() -> void:
	server.bind_ip = "127.0.0.1"


func test_calls_of_a_kicked_player_are_ignored() -> void:
	var ways := {
		"disconnect_peer of the multiplayer API": func(root: Root, id: int) -> void:
			(root.multiplayer as SceneMultiplayer).disconnect_peer(id),
		"disconnect_peer": func(_root: Root, id: int) -> void: server.disconnect_peer(id),
		"disconnect_peer by force": func(_root: Root, id: int) -> void: (server as MultiplayerPeer).disconnect_peer(id, true),
		"close of the peer": func(_root: Root, id: int) -> void: server.get_peer(id).close(),
		"drop of the peer": func(_root: Root, id: int) -> void: server.get_peer(id).close(-1),
	}
	for way: String in ways:
		for godot_3: bool in [false, true]:
			await _kick(way + (" with Godot 3's wire" if godot_3 else ""), godot_3, ways[way])


## A player sends many calls at once, and is kicked at the first one.
func _kick(way: String, godot_3: bool, kick: Callable) -> void:
	server.godot_3_protocol = godot_3
	check_eq(server.listen(0, [], true), OK)
	var root := Root.new("Server", server)
	add_child(root)
	var clients: Array[Root] = []
	for index in 2:
		var client := LodeWebSocketClient.new()
		client.godot_3_protocol = godot_3
		check_eq(client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port(), [], true), OK)
		var client_root := Root.new("Client%d" % index, client)
		add_child(client_root)
		clients.append(client_root)
	check(await wait_until(func() -> bool: return root.events.size() == 2), "both join: " + way)
	check(await wait_until(func() -> bool: return clients.all(func(client: Root) -> bool:
		return client.multiplayer.get_unique_id() > 1
	)), "both know: " + way)
	var bad: int = clients[0].multiplayer.get_unique_id()
	root.heard = func(from: int) -> void:
		if from == bad:
			kick.call(root, from)
	for index in CALLS:
		clients[0].say_to_server(str(index))
		clients[1].say_to_server(str(index))
	check(await wait_until(func() -> bool: return root.calls.size() >= CALLS + 1), "the others are heard: " + way)
	for index in 5:
		clients[0].say_to_server("late")
		await wait_frames(1)
	var of_bad := root.calls.filter(func(call: String) -> bool: return call.begins_with("%d " % bad))
	check_eq(of_bad, ["%d 0" % bad], way)
	var gone := "disconnected %d" % bad
	if way.contains("by force") or way.contains("API"):
		# With force there is no signal from the peer, only from the API.
		await wait_frames(5)
	else:
		check(await wait_until(func() -> bool: return root.events.has(gone)), "it is reported: " + way)
	check(not server.has_peer(bad), "it is gone: " + way)
	check_eq(server.get_peers().size(), 1, way)
	check(await wait_until(func() -> bool: return (
		clients[0].peer.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED
	)), "the player hears of it: " + way)
	clients[1].say_to_server("still here")
	check(await wait_until(func() -> bool: return root.calls[-1].ends_with("still here")), "the other goes on: " + way)
	for node: Root in clients + [root]:
		node.free()
	server.stop()


func test_messages_of_a_client_that_ignores_a_close_are_dropped() -> void:
	var heard: Array[int] = []
	var ended: Array[bool] = []
	server.data_received.connect(func(_id: int) -> void: heard.append(1))
	server.client_disconnected.connect(func(_id: int, clean: bool) -> void: ended.append(clean))
	server.peer_packet.connect(func(_id: int) -> void: heard.append(2))
	server.peer_disconnected.connect(func(_id: int) -> void: ended.append(false))
	for multiplayer_mode: bool in [false, true]:
		heard.clear()
		ended.clear()
		var ids: Array[int] = []
		var joined := func(id: int, _protocol := "") -> void: ids.append(id)
		server.client_connected.connect(joined)
		server.peer_connected.connect(joined)
		check_eq(server.listen(0, [], multiplayer_mode), OK)
		var client := RawClient.new()
		client.connect_to(server.get_local_port())
		check(await wait_until(func() -> bool:
			server.poll()
			return client.poll() and ids.size() == 1
		), "it joins")
		var peer := server.get_peer(ids[0])
		client.send(0x82, [1])
		client.send(0x82, [2])
		check(await wait_until(func() -> bool:
			server.poll()
			client.poll()
			return heard.size() == 2
		), "it is heard")
		heard.clear()
		client.send(0x82, [3])
		server.disconnect_peer(ids[0])
		check_eq(peer.get_available_packet_count(), 0, "what was not read is gone")
		check_eq((server as MultiplayerPeer).get_available_packet_count(), 0)
		check(await wait_until(func() -> bool:
			client.send(0x82, [4])
			server.poll()
			client.poll()
			return not ended.is_empty()
		), "it is given up")
		check_eq(heard, [] as Array[int], "it is not heard")
		check_eq(ended, [false] as Array[bool], "it never answers")
		check_eq(peer.get_available_packet_count(), 0)
		server.stop()
		server.client_connected.disconnect(joined)
		server.peer_connected.disconnect(joined)


func test_packets_that_the_peer_itself_reads_are_not_the_servers() -> void:
	check_eq(server.listen(0, [], true), OK)
	var clients: Array[LodeWebSocketClient] = []
	for index in 2:
		clients.append(LodeWebSocketClient.new())
		clients[index].connect_to_url("ws://127.0.0.1:%d" % server.get_local_port(), [], true)
	var pump := func(done: Callable) -> bool:
		server.poll()
		clients[0].poll()
		clients[1].poll()
		return done.call()
	check(await wait_until(pump.bind(func() -> bool: return (
		clients.all(func(client: LodeWebSocketClient) -> bool: return client.get_unique_id() > 1)
		and server.get_peers().size() == 2
	))), "both join")
	for index in 3:
		for client in clients:
			client.put_packet([index])
	check(await wait_until(pump.bind(func() -> bool: return server.get_available_packet_count() == 6)), "all arrive")
	var first := clients[0].get_unique_id()
	check_eq(server.get_peer(first).get_packet(), PackedByteArray([0]))
	check_eq(server.get_available_packet_count(), 5)
	server.get_peer(first).close()
	check_eq(server.get_available_packet_count(), 3)
	for index in 3:
		check_eq(server.get_packet_peer(), clients[1].get_unique_id())
		check_eq(server.get_packet(), PackedByteArray([index]))
	check_eq(server.get_available_packet_count(), 0)
	# The same on a client.
	server.set_target_peer(clients[1].get_unique_id())
	for index in 3:
		server.put_packet([index])
	check(await wait_until(pump.bind(func() -> bool: return clients[1].get_available_packet_count() == 3)), "all arrive")
	check_eq(clients[1].get_peer(1).get_packet(), PackedByteArray([0]))
	check_eq(clients[1].get_available_packet_count(), 2)
	check_eq(clients[1].get_packet(), PackedByteArray([1]))
	clients[1].get_peer(1).close()
	check_eq(clients[1].get_available_packet_count(), 0)
