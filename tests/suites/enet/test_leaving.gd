extends "res://test_case.gd"
## Peers that leave or are kicked, by every method: the signals, and the packets afterwards. Our class and the engine's
## behave the same.

const Root := preload("res://suites/enet/multiplayer_root.gd")
const Hosts := preload("res://suites/enet/hosts.gd")

const IMPLEMENTATIONS: Array[String] = ["Lode", ""]
const CALLS := 20

var server: MultiplayerPeer
var clients: Array[MultiplayerPeer] = []
## The disconnections that the server and the first client have reported.
var reported: Array[String] = []


func before_each() -> void:
	clients.clear()
	reported.clear()
	server = null


func after_each() -> void:
	for peer in clients + ([server] as Array[MultiplayerPeer]):
		if peer != null:
			peer.close()


func test_calls_of_a_kicked_player_are_ignored() -> void:
	var ways := {
		"disconnect_peer of the multiplayer API": func(root: Root, id: int) -> void:
			(root.multiplayer as SceneMultiplayer).disconnect_peer(id),
		"disconnect_peer": func(_root: Root, id: int) -> void: server.disconnect_peer(id),
		"disconnect_peer by force": func(_root: Root, id: int) -> void: server.disconnect_peer(id, true),
		"peer_disconnect": func(_root: Root, id: int) -> void: server.get_peer(id).peer_disconnect(),
		"peer_disconnect_now": func(_root: Root, id: int) -> void: server.get_peer(id).peer_disconnect_now(),
		"reset": func(_root: Root, id: int) -> void: server.get_peer(id).reset(),
	}
	for way: String in ways:
		for implementation in IMPLEMENTATIONS:
			var kick: Callable = ways[way]
			await _kick("%s of a %sENetMultiplayerPeer's client" % [way, implementation], implementation, kick)


## A player sends many calls at once, and is kicked at the first one.
func _kick(way: String, implementation: String, kick: Callable) -> void:
	var port := Hosts.free_port()
	server = LodeENetMultiplayerPeer.new()
	server.set_bind_ip("127.0.0.1")
	check_eq(server.create_server(port, 4), OK)
	var root := Root.new("Server", server)
	add_child(root)
	var roots: Array[Root] = []
	for index in 2:
		var client: MultiplayerPeer = ClassDB.instantiate(implementation + "ENetMultiplayerPeer")
		check_eq(client.create_client("127.0.0.1", port), OK)
		roots.append(Root.new("Client%d" % index, client))
		add_child(roots[index])
	check(await wait_until(func() -> bool: return root.events.size() == 2), "both join: " + way)
	check(await wait_until(func() -> bool: return roots.all(func(client: Root) -> bool:
		return client.events.has("connected_to_server")
	)), "both know: " + way)
	var bad := roots[0].multiplayer.get_unique_id()
	var good := roots[1].multiplayer.get_unique_id()
	root.heard = func(from: int) -> void:
		if from == bad:
			kick.call(root, from)
	for index in CALLS:
		roots[0].say.rpc_id(1, str(index))
		roots[1].say.rpc_id(1, str(index))
	check(await wait_until(func() -> bool: return root.calls.has("%d %d" % [good, CALLS - 1])), "the other is heard: " + way)
	await wait_frames(5)
	var of_bad := root.calls.filter(func(call: String) -> bool: return call.begins_with("%d " % bad))
	check_eq(of_bad, ["%d 0" % bad], way)
	var gone := "disconnected %d" % bad
	# With force there is no signal, and the API does not report the peers that it disconnects.
	var is_reported := not way.contains("by force") and not way.contains("API")
	if is_reported:
		check(await wait_until(func() -> bool: return root.events.has(gone)), "it is reported: " + way)
	check_eq(root.events.count(gone), 1 if is_reported else 0, "it is reported once: " + way)
	roots[1].say.rpc_id(1, "still here")
	check(await wait_until(func() -> bool: return root.calls[-1].ends_with("still here")), "the other goes on: " + way)
	for node: Root in roots + ([root] as Array[Root]):
		node.free()


func test_a_server_that_ends_a_peer_by_its_methods_tells_of_it() -> void:
	for how: String in ["peer_disconnect", "peer_disconnect_later", "peer_disconnect_now", "reset"]:
		var outcomes: Array = []
		for implementation in IMPLEMENTATIONS:
			await _game(implementation, "")
			var id := clients[0].get_unique_id()
			var handle: PacketPeer = server.get_peer(id)
			handle.call(how)
			check(await wait_until(_polled(func() -> bool: return reported.has("server lost %d" % id))), "it is reported: %s of %s" % [how, implementation])
			# Once, and the other one stays.
			for _frame in 5:
				_poll()
				await wait_frames(1)
			outcomes.append([reported.count("server lost %d" % id), reported.size(), handle.is_active()])
			check_eq(reported.filter(func(line: String) -> bool: return line.begins_with("server")), ["server lost %d" % id], how)
			_end()
		check_eq(outcomes[0], outcomes[1], how)


## The engine's class reports the disconnection of a server that it was never connected to, or stays CONNECTING.
func test_a_client_that_ends_its_peer_before_it_is_connected() -> void:
	for how: String in ["peer_disconnect", "peer_disconnect_later", "peer_disconnect_now", "reset"]:
		var client := LodeENetMultiplayerPeer.new()
		clients = [client]
		check_eq(client.create_client("127.0.0.1", Hosts.free_port()), OK)
		client.peer_disconnected.connect(func(id: int) -> void: reported.append(str(id)))
		client.poll()
		client.get_peer(1).call(how)
		client.poll()
		check_eq(client.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED, how)
		check_eq(reported, [] as Array[String], how)


func test_a_mesh_that_ends_a_peer_by_its_methods_tells_of_it() -> void:
	for how: String in ["peer_disconnect", "peer_disconnect_later", "peer_disconnect_now", "reset"]:
		for implementation in IMPLEMENTATIONS:
			var ours: RefCounted = ClassDB.instantiate(implementation + "ENetConnection")
			var others := ENetConnection.new()
			await _link(ours, others)
			var mesh: MultiplayerPeer = ClassDB.instantiate(implementation + "ENetMultiplayerPeer")
			server = mesh
			check_eq(mesh.create_mesh(2), OK)
			check_eq(mesh.add_mesh_peer(3, ours), OK)
			reported.clear()
			mesh.peer_disconnected.connect(func(id: int) -> void: reported.append("mesh lost %d" % id))
			mesh.get_peer(3).call(how)
			check(await wait_until(func() -> bool:
				mesh.poll()
				others.service()
				return not reported.is_empty()
			), "%s of %s" % [how, implementation])
			mesh.poll()
			check_eq(reported, ["mesh lost 3"] as Array[String], "%s of %s" % [how, implementation])
			others.destroy()


func test_peers_may_be_ended_inside_signals() -> void:
	var acts := {
		"peer_disconnect_now": func(id: int) -> void: server.get_peer(id).peer_disconnect_now(),
		"reset": func(id: int) -> void: server.get_peer(id).reset(),
		"disconnect_peer": func(id: int) -> void: server.disconnect_peer(id),
		"disconnect_peer by force": func(id: int) -> void: server.disconnect_peer(id, true),
		"close": func(_id: int) -> void: server.close(),
		"close and create_server": func(_id: int) -> void:
			server.close()
			server.create_server(Hosts.free_port(), 4),
	}
	for act: String in acts:
		for during: String in ["peer_connected", "peer_disconnected"]:
			# A peer that has disconnected cannot be ended.
			if during == "peer_disconnected" and not act.begins_with("close"):
				continue
			server = LodeENetMultiplayerPeer.new()
			var port := Hosts.free_port()
			check_eq(server.create_server(port, 4), OK)
			reported.clear()
			server.peer_disconnected.connect(func(id: int) -> void: reported.append("lost %d" % id))
			var acted: Array[int] = []
			var call: Callable = acts[act]
			server.connect(during, func(id: int) -> void:
				acted.append(id)
				call.call(id)
			)
			var client := ENetMultiplayerPeer.new()
			check_eq(client.create_client("127.0.0.1", port), OK)
			clients = [client]
			if during == "peer_disconnected":
				check(await wait_until(_polled(func() -> bool:
					return client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED
				)), "it joins")
				for _frame in 3:
					_poll()
					await wait_frames(1)
				client.close()
			check(await wait_until(_polled(func() -> bool: return not acted.is_empty())), "%s in %s" % [act, during])
			var is_reported := during == "peer_disconnected" or act in ["peer_disconnect_now", "reset", "disconnect_peer"]
			if is_reported:
				check(await wait_until(_polled(func() -> bool: return not reported.is_empty())), "%s in %s: it is reported" % [act, during])
			# And nothing after it.
			for _frame in 5:
				_poll()
				await wait_frames(1)
			check_eq(acted.size(), 1, "%s in %s: once" % [act, during])
			check_eq(reported.size(), 1 if is_reported else 0, "%s in %s: %s" % [act, during, reported])
			_end()


## A server with two clients that are connected.
func _game(server_make: String, client_make: String) -> void:
	reported.clear()
	var port := Hosts.free_port()
	server = ClassDB.instantiate(server_make + "ENetMultiplayerPeer")
	check_eq(server.create_server(port, 4), OK)
	var joined: Array[int] = []
	server.peer_connected.connect(func(id: int) -> void: joined.append(id))
	server.peer_disconnected.connect(func(id: int) -> void: reported.append("server lost %d" % id))
	clients.clear()
	for index in 2:
		var client: MultiplayerPeer = ClassDB.instantiate(client_make + "ENetMultiplayerPeer")
		check_eq(client.create_client("127.0.0.1", port), OK)
		client.peer_disconnected.connect(func(id: int) -> void:
			if index == 0:
				reported.append("client lost %d" % id)
		)
		clients.append(client)
	check(await wait_until(_polled(func() -> bool:
		return joined.size() == 2 and clients.all(func(client: MultiplayerPeer) -> bool:
			return client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED
		)
	)), "both join")


func _link(listening: RefCounted, dialing: RefCounted) -> void:
	var port := Hosts.free_port()
	check_eq(listening.create_host_bound("127.0.0.1", port, 1), OK)
	check_eq(dialing.create_host(1), OK)
	dialing.connect_to_host("127.0.0.1", port)
	var seen := [false, false]
	check(await wait_until(func() -> bool:
		seen[0] = listening.service()[0] == ENetConnection.EVENT_CONNECT or seen[0]
		seen[1] = dialing.service()[0] == ENetConnection.EVENT_CONNECT or seen[1]
		return seen[0] and seen[1]
	), "they connect")


func _poll() -> void:
	for peer in clients + ([server] as Array[MultiplayerPeer]):
		if peer.get_connection_status() != MultiplayerPeer.CONNECTION_DISCONNECTED:
			peer.poll()


## For `wait_until`: polls all peers first.
func _polled(condition: Callable) -> Callable:
	return func() -> bool:
		_poll()
		return condition.call()


func _end() -> void:
	for peer in clients + ([server] as Array[MultiplayerPeer]):
		peer.close()


## A game that loads a level: events of its players meanwhile are reported in order, and their last calls are received.
func test_a_reconnecting_player_is_reported_after_its_disconnection() -> void:
	get_tree().multiplayer_poll = false
	var port := Hosts.free_port()
	server = LodeENetMultiplayerPeer.new()
	server.set_bind_ip("127.0.0.1")
	check_eq(server.create_server(port, 8), OK)
	var root := Root.new("Server", server)
	add_child(root)
	root.multiplayer.poll()
	var expected_events: Array[String] = []
	var first := await _come(port, "First")
	expected_events.append("connected %d" % first)
	root.multiplayer.poll()
	check_eq(root.events, expected_events)
	# The player calls, leaves and reconnects while the server does not poll.
	await _call_and_leave("First")
	var second := await _come(port, "Second")
	expected_events.append_array(["disconnected %d" % first, "connected %d" % second] as Array[String])
	check(await wait_until(func() -> bool:
		root.multiplayer.poll()
		return root.events.size() == expected_events.size()
	), "both are reported")
	check_eq(root.events, expected_events)
	check_eq(root.calls, ["%d First" % first] as Array[String], "his last call is heard")
	# Twice between two polls, with a call of another player: no event is deferred for more than one poll.
	await _call_and_leave("Second")
	var third := await _come(port, "Third")
	await _call_and_leave("Third")
	var fourth := await _come(port, "Fourth")
	(get_node("Fourth") as Root).say.rpc_id(1, "Fourth")
	await _polled_for_a_while(get_node("Fourth"))
	expected_events.append_array([
		"disconnected %d" % second, "connected %d" % third, "disconnected %d" % third, "connected %d" % fourth,
	] as Array[String])
	var polls := [0]
	check(await wait_until(func() -> bool:
		root.multiplayer.poll()
		polls[0] += 1
		return root.events.size() == expected_events.size()
	), "all is reported")
	check_eq(root.events, expected_events)
	check_eq(polls[0], 2, "in two polls")
	check(await wait_until(func() -> bool:
		root.multiplayer.poll()
		return root.calls.has("%d Fourth" % fourth)
	), "who stays is heard")
	for node in ["Fourth", "Server"]:
		get_node(node).free()
	get_tree().multiplayer_poll = true


## A player joins while only its game polls. Returns its id.
func _come(port: int, called: String) -> int:
	var host: LodeENetConnection = (server as LodeENetMultiplayerPeer).host
	host.pop_statistic(LodeENetConnection.HOST_TOTAL_RECEIVED_PACKETS)
	var client := ENetMultiplayerPeer.new()
	check_eq(client.create_client("127.0.0.1", port), OK)
	var player := Root.new(called, client)
	add_child(player)
	var received := [0]
	# The player is connected there when the request and the acknowledgement have arrived.
	check(await wait_until(func() -> bool:
		player.multiplayer.poll()
		received[0] += host.pop_statistic(LodeENetConnection.HOST_TOTAL_RECEIVED_PACKETS)
		return player.events.has("connected_to_server") and received[0] >= 2
	), called + " comes")
	await _polled_for_a_while(player)
	return client.get_unique_id()


func _call_and_leave(called: String) -> void:
	var player: Root = get_node(called)
	player.say.rpc_id(1, called)
	await _polled_for_a_while(player)
	player.peer.close()
	player.free()
	await wait_frames(10)


## Waits until the server has a player's packets, without polling it.
func _polled_for_a_while(player: Root) -> void:
	for _frame in 20:
		player.multiplayer.poll()
		await wait_frames(1)


## However a peer has disconnected, sending to it only returns an error, and the others are reached.
func test_packets_for_peers_that_have_gone_are_refused() -> void:
	await _game("Lode", "")
	var ids := clients.map(func(client: MultiplayerPeer) -> int: return client.get_unique_id())
	var gone: PacketPeer = server.get_peer(ids[0])
	var inside: Array[int] = []
	server.peer_disconnected.connect(func(id: int) -> void:
		server.set_target_peer(id)
		inside.append(server.put_packet([1]))
	)
	# With an unread packet: the disconnection is reported one poll later.
	clients[0].set_target_peer(1)
	check_eq(clients[0].put_packet([1]), OK)
	for _frame in 20:
		clients[0].poll()
		await wait_frames(1)
	clients[0].close()
	check(await wait_until(func() -> bool:
		server.poll()
		clients[1].poll()
		if reported.is_empty() and not gone.is_active():
			server.set_target_peer(ids[0])
			inside.append(server.put_packet([2]))
		return not reported.is_empty()
	), "it is reported")
	check_eq(inside, [FAILED, FAILED] as Array[int])
	check_eq(gone.send(0, [1], ENetPacketPeer.FLAG_RELIABLE), ERR_UNCONFIGURED)
	check_eq(gone.put_packet([1]), ERR_UNCONFIGURED)
	server.set_target_peer(ids[0])
	expect_error("there is no peer %d" % ids[0])
	check_eq(server.put_packet([1]), ERR_INVALID_PARAMETER)
	for target: int in [0, ids[1]]:
		server.set_target_peer(target)
		check_eq(server.put_packet([3]), OK)
	check(await wait_until(_polled(func() -> bool: return clients[1].get_available_packet_count() == 2)), "the other is reached")
	_end()
