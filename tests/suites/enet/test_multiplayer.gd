extends "res://test_case.gd"
## A game over ENet: our multiplayer peer with the engine's, as server, as client and in a mesh.

const Root := preload("res://suites/enet/multiplayer_root.gd")
const Hosts := preload("res://suites/enet/hosts.gd")
const OURS := "LodeENetMultiplayerPeer"
const ENGINE := "ENetMultiplayerPeer"
var server_root: Root
var server_port := 0


func test_our_server_with_clients_of_both_makes() -> void:
	await _game(OURS)


func test_our_client_at_the_engines_server() -> void:
	await _game(ENGINE)


func _game(server: String) -> void:
	_host(server)
	var one := _join("One", ENGINE)
	var two := _join("Two", OURS)
	check(await wait_until(func() -> bool: return server_root.events.size() == 2), "both come in")
	check(await wait_until(func() -> bool: return one.events.size() == 3 and two.events.size() == 3), "all know of all")
	var one_id := one.multiplayer.get_unique_id()
	var two_id := two.multiplayer.get_unique_id()
	check_gt(two_id, 1)
	check(one.events.has("connected %d" % two_id) and two.events.has("connected %d" % one_id), "the clients know of each other")
	# To all, to one, and between clients, which the server relays; in every mode.
	server_root.say.rpc("all")
	server_root.say_unreliably.rpc("unreliably")
	server_root.say_in_order.rpc_id(two_id, "in order")
	server_root.say_on_a_channel.rpc("on a channel")
	one.say.rpc_id(two_id, "from one")
	two.say_unreliably.rpc_id(1, "unreliably")
	two.say_in_order.rpc("in order")
	two.say_on_a_channel.rpc_id(one_id, "on a channel")
	two.say.rpc_id(1, "é".repeat(100_000))
	check(await wait_until(func() -> bool: return (
		server_root.calls.size() == 3 and one.calls.size() == 5 and two.calls.size() == 5
	)), "all calls arrive: %d, %d, %d" % [server_root.calls.size(), one.calls.size(), two.calls.size()])
	for call: String in ["%d unreliably" % two_id, "%d in order" % two_id, "%d %s" % [two_id, "é".repeat(100_000)]]:
		check(server_root.calls.has(call), "the server hears " + call.left(40))
	for call: String in ["1 all", "1 unreliably", "1 on a channel", "%d in order" % two_id, "%d on a channel" % two_id]:
		check(one.calls.has(call), "the first hears " + call)
	for call: String in ["1 all", "1 unreliably", "1 in order", "1 on a channel", "%d from one" % one_id]:
		check(two.calls.has(call), "the second hears " + call)
	# Nodes that the server spawns exist on both.
	server_root.spawn(Vector2(3, 4))
	check(await wait_until(func() -> bool: return (
		one.players.get_child_count() == 1 and two.players.get_child_count() == 1
	)), "it is spawned")
	# One leaves, one is kicked, the server closes.
	one.peer.close()
	check(await wait_until(func() -> bool: return (
		server_root.events.has("disconnected %d" % one_id) and two.events.has("disconnected %d" % one_id)
	)), "the others hear that one has left")
	server_root.peer.disconnect_peer(two_id)
	check(await wait_until(func() -> bool: return two.events.has("server_disconnected")), "the second is sent away")
	var three := _join("Three", OURS if server == ENGINE else ENGINE)
	# The server does not report the disconnection of a peer that it has not reported.
	check(await wait_until(func() -> bool: return (
		three.events.has("connected_to_server")
		and server_root.events.has("connected %d" % three.multiplayer.get_unique_id())
	)), "a third comes")
	server_root.peer.close()
	check(await wait_until(func() -> bool: return three.events.has("server_disconnected")), "and hears that the server goes")


func test_order_and_completeness_of_many_calls() -> void:
	_host(OURS)
	var clients: Array[Root] = [_join("One", OURS), _join("Two", ENGINE)]
	check(await wait_until(func() -> bool: return server_root.events.size() == 2), "both come in")
	for number in 300:
		server_root.say.rpc("%d" % number)
		for client in clients:
			client.say.rpc_id(1, "%d" % number)
	check(await wait_until(func() -> bool: return (
		server_root.calls.size() == 600 and clients.all(func(client: Root) -> bool: return client.calls.size() == 300)
	)), "all arrive")
	for client in clients:
		check_eq(client.calls, _numbered(1, 300))
		var id := client.multiplayer.get_unique_id()
		var prefix := "%d " % id
		check_eq(server_root.calls.filter(func(call: String) -> bool: return call.begins_with(prefix)), _numbered(id, 300))


func test_what_is_sent_in_a_frame_shares_datagrams() -> void:
	_host(OURS)
	var client := _join("One", OURS)
	check(await wait_until(func() -> bool: return client.events.has("connected_to_server")), "it joins")
	var host: LodeENetConnection = (client.peer as LodeENetMultiplayerPeer).host
	await wait_frames(5)
	host.pop_statistic(LodeENetConnection.HOST_TOTAL_SENT_PACKETS)
	for number in 60:
		client.say.rpc_id(1, "%d" % number)
	check(await wait_until(func() -> bool: return server_root.calls.size() == 60), "all arrive")
	check_lt(host.pop_statistic(LodeENetConnection.HOST_TOTAL_SENT_PACKETS), 30.0)


func test_a_refused_client_is_informed_immediately() -> void:
	_host(OURS)
	server_root.peer.refuse_new_connections = true
	for of: String in [OURS, ENGINE]:
		var client := _join("Refused" + of, of)
		check(await wait_until(func() -> bool: return client.events == (["connection_failed"] as Array[String])), of)
	server_root.peer.refuse_new_connections = false
	# The I/O thread is informed a little later, so a client that is still refused retries.
	var clients: Array[Root] = [_join("Welcome", ENGINE)]
	check(await wait_until(func() -> bool:
		if clients.back().events.has("connection_failed"):
			clients.append(_join("Welcome%d" % clients.size(), ENGINE))
		return clients.back().events.has("connected_to_server")
	), "no longer")


func test_max_clients_is_enforced() -> void:
	_host(OURS, 1)
	var one := _join("One", ENGINE)
	# The client is connected before the server counts it, after address validation.
	check(await wait_until(func() -> bool: return server_root.events.size() == 1), "the first comes in")
	var two := _join("Two", OURS)
	check(await wait_until(func() -> bool: return two.events.has("connection_failed")), "the second does not")
	check_eq(server_root.events.size(), 1)


func test_properties_of_the_peer() -> void:
	var peer := LodeENetMultiplayerPeer.new()
	check_eq(peer.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED)
	check(peer.host == null, "no host")
	peer.set_bind_ip("127.0.0.1")
	check_eq(peer.create_server(0, 4, 1), OK)
	check_eq(peer.get_connection_status(), MultiplayerPeer.CONNECTION_CONNECTED)
	check_eq(peer.get_unique_id(), 1)
	check_eq(peer.host.get_max_channels(), 3)
	check(peer.is_server_relay_supported(), "the server relays")
	expect_error("the peer is in use")
	check_eq(peer.create_client("127.0.0.1", 9), ERR_ALREADY_IN_USE)
	var client := LodeENetMultiplayerPeer.new()
	check_eq(client.create_client("127.0.0.1", peer.host.get_local_port()), OK)
	check_eq(client.get_connection_status(), MultiplayerPeer.CONNECTION_CONNECTING)
	var ids: Array[int] = []
	peer.peer_connected.connect(func(id: int) -> void: ids.append(id))
	check(await wait_until(func() -> bool:
		peer.poll()
		client.poll()
		return ids.size() == 1 and client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED
	), "it connects")
	check_eq(ids[0], client.get_unique_id())
	check_eq(peer.get_peer(ids[0]).get_state(), LodeENetPacketPeer.STATE_CONNECTED)
	check_eq(client.get_peer(1).get_remote_port(), peer.host.get_local_port())
	# Packets without the API: with their sender, mode and channel.
	client.set_target_peer(1)
	for mode: int in [MultiplayerPeer.TRANSFER_MODE_RELIABLE, MultiplayerPeer.TRANSFER_MODE_UNRELIABLE, MultiplayerPeer.TRANSFER_MODE_UNRELIABLE_ORDERED]:
		client.transfer_mode = mode
		client.transfer_channel = 1 if mode == MultiplayerPeer.TRANSFER_MODE_UNRELIABLE_ORDERED else 0
		check_eq(client.put_packet([mode]), OK)
	check(await wait_until(func() -> bool:
		peer.poll()
		return peer.get_available_packet_count() == 3
	), "they come")
	for _packet in 3:
		check_eq(peer.get_packet_peer(), ids[0])
		var mode := peer.get_packet_mode()
		check_eq(peer.get_packet_channel(), 1 if mode == MultiplayerPeer.TRANSFER_MODE_UNRELIABLE_ORDERED else 0)
		check_eq(peer.get_packet()[0], mode)
	peer.set_target_peer(77)
	expect_error("there is no peer 77")
	check_eq(peer.put_packet([1]), ERR_INVALID_PARAMETER)
	client.transfer_channel = 9
	check_eq(client.put_packet([1]), ERR_INVALID_PARAMETER)
	client.close()
	check_eq(client.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED)
	expect_error("is not connected")
	check_eq(client.put_packet([1]), ERR_UNCONFIGURED)


func test_a_mesh_of_both_makes() -> void:
	# Three in a mesh: ours, the engine's and ours.
	var implementations := [OURS, ENGINE, OURS]
	var roots: Array[Root] = []
	for index in 3:
		var peer: MultiplayerPeer = ClassDB.instantiate(implementations[index])
		check_eq(peer.create_mesh(index + 1), OK)
		roots.append(Root.new("Mesh%d" % index, peer))
		add_child(roots.back())
	for index in 3:
		for other in range(index + 1, 3):
			await _link(roots, implementations, index, other)
	for index in 3:
		check_eq(roots[index].events.filter(func(event: String) -> bool: return event.begins_with("connected ")).size(), 2)
		roots[index].say.rpc("from %d" % (index + 1))
	check(await wait_until(func() -> bool: return roots.all(func(root: Root) -> bool: return root.calls.size() == 2)), "each hears two")
	roots[2].peer.close()
	for index in 2:
		check(await wait_until(func() -> bool: return roots[index].events.has("disconnected 3")), "the others hear that it has left")


## Connects two mesh peers with their own hosts, and adds these.
func _link(roots: Array[Root], implementations: Array, one: int, other: int) -> void:
	var listening: RefCounted = ClassDB.instantiate("LodeENetConnection" if implementations[one] == OURS else "ENetConnection")
	var dialing: RefCounted = ClassDB.instantiate("LodeENetConnection" if implementations[other] == OURS else "ENetConnection")
	var port := Hosts.free_port()
	check_eq(listening.create_host_bound("127.0.0.1", port, 1), OK)
	dialing.create_host(1)
	dialing.connect_to_host("127.0.0.1", port)
	# Not in one condition: each side may get its event in any frame.
	var reported := [false, false]
	check(await wait_until(func() -> bool:
		# The engine answers in the next call.
		reported[0] = (listening.service()[0] == ENetConnection.EVENT_CONNECT) or reported[0]
		reported[1] = (dialing.service()[0] == ENetConnection.EVENT_CONNECT) or reported[1]
		return reported[0] and reported[1]
	), "%d and %d connect: %s" % [one, other, reported])
	check_eq(roots[one].peer.add_mesh_peer(other + 1, listening), OK)
	check_eq(roots[other].peer.add_mesh_peer(one + 1, dialing), OK)


func _host(of: String, max_clients := 8) -> void:
	var peer: MultiplayerPeer = ClassDB.instantiate(of)
	peer.set_bind_ip("127.0.0.1")
	server_port = Hosts.free_port()
	check_eq(peer.create_server(server_port, max_clients), OK)
	server_root = Root.new("Server", peer)
	add_child(server_root)


func _join(called: String, of: String) -> Root:
	var peer: MultiplayerPeer = ClassDB.instantiate(of)
	check_eq(peer.create_client("127.0.0.1", server_port), OK)
	var root := Root.new(called, peer)
	add_child(root)
	return root


func _numbered(id: int, count: int) -> Array[String]:
	var calls: Array[String] = []
	for number in count:
		calls.append("%d %d" % [id, number])
	return calls


func test_a_client_kicked_while_joining_is_connected_before_it_is_disconnected() -> void:
	var server := LodeENetMultiplayerPeer.new()
	server.set_bind_ip("127.0.0.1")
	check_eq(server.create_server(0), OK)
	var client := LodeENetMultiplayerPeer.new()
	check_eq(client.create_client("127.0.0.1", server.host.get_local_port()), OK)
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


func test_a_client_has_its_server_as_a_peer_from_the_start() -> void:
	for implementation: String in [OURS, ENGINE]:
		var client: MultiplayerPeer = ClassDB.instantiate(implementation)
		check_eq(client.create_client("127.0.0.1", Hosts.free_port()), OK)
		check_eq(client.get_connection_status(), MultiplayerPeer.CONNECTION_CONNECTING, implementation)
		var server: PacketPeer = client.get_peer(1)
		if check(server != null, implementation):
			check_eq(server.get_state(), LodeENetPacketPeer.STATE_CONNECTING, implementation)
		client.close()


func test_packets_that_a_script_reads_from_the_peer_itself_are_not_counted() -> void:
	_host(OURS)
	get_tree().multiplayer_poll = false
	var client := _join("One", ENGINE)
	var server: LodeENetMultiplayerPeer = server_root.peer
	var poll := func() -> void:
		client.multiplayer.poll()
		server_root.multiplayer.poll()
	check(await wait_until(func() -> bool:
		poll.call()
		return client.events.has("connected_to_server") and server_root.events.size() == 1
	), "it joins")
	client.peer.set_target_peer(1)
	for number in 3:
		client.peer.put_packet([number])
	check(await wait_until(func() -> bool:
		client.peer.poll()
		server.poll()
		return server.get_available_packet_count() == 3
	), "they come")
	var peer := server.get_peer(client.multiplayer.get_unique_id())
	check_eq(peer.get_packets().size(), 3)
	check_eq(server.get_available_packet_count(), 0)
	get_tree().multiplayer_poll = true
