extends "res://test_case.gd"
## The multiplayer mode: a game between our server and clients, ours and the engine's.

const Ports := preload("res://ports.gd")
const Root := preload("res://suites/websocket/multiplayer_root.gd")

var server: LodeWebSocketServer
var server_root: Root


func before_each() -> void:
	server = LodeWebSocketServer.new()
	server.bind_ip = "127.0.0.1"


func test_a_game_with_clients_of_both_makes() -> void:
	_host()
	var one := _join(_engine_client())
	var two := _join(_our_client())
	check(await wait_until(func() -> bool: return server_root.events.size() == 2), "both come in")
	check(await wait_until(func() -> bool: return one.events.size() == 3 and two.events.size() == 3), "all know of all")
	var one_id := one.multiplayer.get_unique_id()
	var two_id := two.multiplayer.get_unique_id()
	check_gt(one_id, 1)
	check_gt(two_id, 1)
	check_eq(one.events.slice(0, 2), ["connected_to_server", "connected 1"] as Array[String] if one.events[0] == "connected_to_server" else ["connected 1", "connected_to_server"] as Array[String])
	check(one.events.has("connected %d" % two_id), "the first hears of the second")
	check(two.events.has("connected %d" % one_id), "the second hears of the first")
	# To all, to one, and between clients.
	server_root.say.rpc("all")
	server_root.say.rpc_id(two_id, "only you")
	one.say.rpc_id(two_id, "from one")
	two.say.rpc("from two")
	two.say.rpc_id(1, "é".repeat(30_000))
	check(await wait_until(func() -> bool: return (
		server_root.calls.size() == 2 and one.calls.size() == 2 and two.calls.size() == 3
	)), "all calls arrive")
	check_eq(server_root.calls, ["%d from two" % two_id, "%d %s" % [two_id, "é".repeat(30_000)]] as Array[String])
	check(one.calls.has("1 all") and one.calls.has("%d from two" % two_id), str(one.calls))
	check(two.calls.has("1 only you") and two.calls.has("%d from one" % one_id), str(two.calls))
	# Nodes that the server spawns exist on both.
	server_root.spawn(Vector2(3, 4))
	check(await wait_until(func() -> bool: return (
		one.players.get_child_count() == 1 and two.players.get_child_count() == 1
	)), "it is spawned")
	check_eq((two.players.get_child(0) as Node2D).position, Vector2(3, 4))
	# One leaves.
	one.peer.close()
	check(await wait_until(func() -> bool: return (
		server_root.events.has("disconnected %d" % one_id) and two.events.has("disconnected %d" % one_id)
	)), "the others hear of it")
	# The server closes.
	server.close()
	check(await wait_until(func() -> bool: return two.events.has("server_disconnected")), "the last one hears of it")


func test_our_client_at_the_engine_server() -> void:
	var engine := WebSocketMultiplayerPeer.new()
	var port := Ports.tcp()
	check_eq(engine.create_server(port, "127.0.0.1"), OK)
	server_root = Root.new("Server", engine)
	add_child(server_root)
	var client := LodeWebSocketClient.new()
	check_eq(client.connect_to_url("ws://127.0.0.1:%d" % port, [], true), OK)
	var root := _join(client)
	check(await wait_until(func() -> bool: return root.events.size() == 2 and server_root.events.size() == 1), "it joins")
	check_eq(server_root.events, ["connected %d" % root.multiplayer.get_unique_id()] as Array[String])
	root.say.rpc("hello")
	server_root.say.rpc("welcome")
	check(await wait_until(func() -> bool: return server_root.calls.size() == 1 and root.calls.size() == 1), "calls go both ways")
	check_eq(root.calls, ["1 welcome"] as Array[String])
	engine.close()
	check(await wait_until(func() -> bool: return root.events.has("server_disconnected")), "the end is reported")


func test_status_and_signals() -> void:
	_listen()
	check_eq(server.get_connection_status(), MultiplayerPeer.CONNECTION_CONNECTED)
	check_eq(server.get_unique_id(), 1)
	check_eq(server.is_server_relay_supported(), true)
	var reported: Array[String] = []
	var client := LodeWebSocketClient.new()
	client.connection_succeeded.connect(func() -> void: reported.append("succeeded"))
	client.server_disconnected.connect(func() -> void: reported.append("disconnected"))
	client.connection_failed.connect(func() -> void: reported.append("failed"))
	client.peer_connected.connect(func(id: int) -> void: reported.append("peer %d" % id))
	client.peer_disconnected.connect(func(id: int) -> void: reported.append("gone %d" % id))
	client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port(), [], true)
	check_eq(client.get_connection_status(), MultiplayerPeer.CONNECTION_CONNECTING)
	check(await _wait_until_polled([client], func() -> bool: return reported.size() == 2), "it joins")
	check_eq(reported, ["succeeded", "peer 1"] as Array[String])
	check_eq(client.get_connection_status(), MultiplayerPeer.CONNECTION_CONNECTED)
	check_eq(client.is_server_relay_supported(), true)
	server.disconnect_peer(client.get_unique_id())
	check(await _wait_until_polled([client], func() -> bool: return reported.size() == 4), "it is sent away")
	check_eq(reported.slice(2), ["gone 1", "disconnected"] as Array[String])
	check_eq(client.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED)
	server.refuse_new_connections = true
	client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port(), [], true)
	check(await _wait_until_polled([client], func() -> bool: return reported.size() == 5), "it is refused")
	check_eq(reported.slice(4), ["failed"] as Array[String])


func test_packets_and_targets() -> void:
	for godot_3: bool in [false, true]:
		server.godot_3_protocol = godot_3
		_listen()
		var ids: Array[int] = []
		server.peer_connected.connect(func(id: int) -> void: ids.append(id), CONNECT_ONE_SHOT)
		var clients: Array[LodeWebSocketClient] = []
		for _i in 3:
			var client := LodeWebSocketClient.new()
			client.godot_3_protocol = godot_3
			client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port(), [], true)
			clients.append(client)
		var all_are_in := func() -> bool: return clients.all(func(client: LodeWebSocketClient) -> bool:
			return client.get_unique_id() > 1
		) and server.get_peers().size() == 3
		check(await _wait_until_polled(clients, all_are_in), "all come in")
		# The server to all, to one, and to all but one.
		for target: int in [0, clients[1].get_unique_id(), -clients[1].get_unique_id()]:
			server.set_target_peer(target)
			check_eq(server.put_packet([7]), OK)
		var wanted: Array[int] = [2, 2, 2]
		check(await _wait_until_polled(clients, func() -> bool: return _counts(clients) == wanted), "each gets its own")
		for client in clients:
			check_eq(client.get_packet_peer(), 1)
			check_eq(client.get_packet(), PackedByteArray([7]))
			client.get_packet()
		server.set_target_peer(12345)
		expect_error("there is no peer 12345")
		check_eq(server.put_packet([7]), ERR_INVALID_PARAMETER)
		# A client to the server.
		clients[0].set_target_peer(1)
		check_eq(clients[0].put_packet([1, 2]), OK)
		check(await _wait_until_polled(clients, func() -> bool: return server.get_available_packet_count() == 1), "it arrives")
		check_eq(server.get_packet_peer(), clients[0].get_unique_id())
		check_eq(server.get_packet(), PackedByteArray([1, 2]))
		if godot_3:
			# With Godot 3's protocol the server relays: to all, to one, and to all but one.
			for target: int in [0, clients[1].get_unique_id(), -clients[1].get_unique_id()]:
				clients[0].set_target_peer(target)
				check_eq(clients[0].put_packet([9]), OK)
			wanted = [0, 2, 2]
			check(await _wait_until_polled(clients, func() -> bool: return (
				_counts(clients) == wanted and server.get_available_packet_count() == 2
			)), "it is relayed")
			check_eq(clients[1].get_packet_peer(), clients[0].get_unique_id())
			check_eq(clients[1].get_packet(), PackedByteArray([9]))
		# Packets that were sent before a disconnection arrive before it.
		var gone: Array[String] = []
		server.peer_packet.connect(func(_id: int) -> void: gone.append("packet"))
		server.peer_disconnected.connect(func(_id: int) -> void: gone.append("gone"))
		clients[0].set_target_peer(1)
		clients[0].put_packet([3])
		clients[0].disconnect_from_host()
		while server.get_available_packet_count() > 0:
			server.get_packet()
		check(await _wait_until_polled(clients, func() -> bool: return gone.has("gone")), "it leaves")
		check_eq(gone, ["packet", "gone"] as Array[String])
		check_eq(server.get_packet(), PackedByteArray([3]))
		server.stop()
		for of_signal: String in ["peer_packet", "peer_disconnected", "peer_connected"]:
			for connection in server.get_signal_connection_list(of_signal):
				server.disconnect(of_signal, connection.callable)


func test_a_client_cannot_send_in_the_name_of_another() -> void:
	server.godot_3_protocol = true
	_listen()
	var client := WebSocketPeer.new()
	client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port())
	var polled := func(done: Callable) -> bool:
		client.poll()
		server.poll()
		return done.call()
	check(await wait_until(polled.bind(func() -> bool: return client.get_available_packet_count() == 2)), "it joins")
	var first := client.get_packet()
	check_eq(first[0], 3, "its id comes first")
	var id := first.decode_s32(9)
	check_eq(client.get_packet(), PackedByteArray([1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]), "then the server")
	for from: int in [id + 1, 1, id]:
		var packet := PackedByteArray([0, 0, 0, 0, 0, 1, 0, 0, 0, 42])
		packet.encode_s32(1, from)
		client.send(packet)
	# Packets that are too short, or that only a server may send, have no effect.
	client.send([0, 1])
	client.send([2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
	check(await wait_until(polled.bind(func() -> bool: return server.get_available_packet_count() == 1)), "one arrives")
	await wait_seconds(0.1)
	server.poll()
	check_eq(server.get_available_packet_count(), 1)
	check_eq(server.get_packet(), PackedByteArray([42]))


func _listen() -> void:
	check_eq(server.listen(0, [], true), OK)


func _host() -> void:
	_listen()
	server_root = Root.new("Server", server)
	add_child(server_root)


func _join(peer: MultiplayerPeer) -> Root:
	var root := Root.new("Client", peer)
	add_child(root, true)
	return root


func _engine_client() -> WebSocketMultiplayerPeer:
	var client := WebSocketMultiplayerPeer.new()
	check_eq(client.create_client("ws://127.0.0.1:%d" % server.get_local_port()), OK)
	return client


func _our_client() -> LodeWebSocketClient:
	var client := LodeWebSocketClient.new()
	check_eq(client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port(), [], true), OK)
	return client


func _counts(clients: Array[LodeWebSocketClient]) -> Array[int]:
	var counts: Array[int] = []
	for client in clients:
		counts.append(client.get_available_packet_count())
	return counts


func _wait_until_polled(clients: Array, done: Callable) -> bool:
	return await wait_until(func() -> bool:
		server.poll()
		for client: LodeWebSocketClient in clients:
			client.poll()
		return done.call()
	)


func test_a_client_kicked_while_joining_is_connected_before_it_is_disconnected() -> void:
	var server := LodeWebSocketServer.new()
	server.bind_ip = "127.0.0.1"
	check_eq(server.listen(0, PackedStringArray(), true), OK)
	var client := LodeWebSocketClient.new()
	check_eq(client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port(), PackedStringArray(), true), OK)
	var api := SceneMultiplayer.new()
	api.multiplayer_peer = client
	var heard: Array[String] = []
	api.connected_to_server.connect(func() -> void: heard.append("connected_to_server"))
	api.connection_failed.connect(func() -> void: heard.append("connection_failed"))
	api.server_disconnected.connect(func() -> void: heard.append("server_disconnected"))
	var gone: Array[int] = []
	server.peer_connected.connect(server.disconnect_peer)
	server.peer_disconnected.connect(func(id: int) -> void: gone.append(id))
	api.poll()
	# Both are queued for the client, whose game does not poll.
	check(await wait_until(func() -> bool:
		server.poll()
		return gone.size() == 1
	), "it is sent away")
	await wait_frames(30)
	check(await wait_until(func() -> bool:
		api.poll()
		return heard.size() == 2
	), "it hears of both")
	check_eq(heard, ["connected_to_server", "server_disconnected"] as Array[String])


## As in Godot 3's WebSocketClient and the engine's WebSocketMultiplayerPeer.
func test_a_client_has_its_server_as_a_peer_from_the_start() -> void:
	_host()
	var ours := _our_client()
	for client: MultiplayerPeer in [ours, _engine_client()]:
		var peer: PacketPeer = client.get_peer(1)
		if check(peer != null, str(client)):
			check_eq(peer.get_ready_state(), WebSocketPeer.STATE_CONNECTING, str(client))
	var server_peer := ours.get_peer(1)
	check_eq(server_peer.send_text("too early"), FAILED)
	var root := _join(ours)
	check(await wait_until(func() -> bool: return root.events.size() == 2), "it joins")
	check_eq(ours.get_peer(1), server_peer, "the same object")
	check_eq(server_peer.get_ready_state(), LodeWebSocketPeer.STATE_OPEN)
	root.free()
	# A client that is closed before it is connected is cancelled.
	var other := _our_client()
	other.get_peer(1).close()
	other.poll()
	check_eq(other.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED)
	check_eq(other.get_peer(1).get_ready_state(), LodeWebSocketPeer.STATE_CLOSED)
