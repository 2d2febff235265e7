extends "res://test_case.gd"
## How players leave, are kicked and reconnect, with our multiplayer peer and the engine's: one test per rule.

const Root := preload("res://suites/enet/multiplayer_root.gd")
const Hosts := preload("res://suites/enet/hosts.gd")
const OURS := "LodeENetMultiplayerPeer"
const ENGINE := "ENetMultiplayerPeer"
const IMPLEMENTATIONS: Array[String] = [OURS, ENGINE]

var server: MultiplayerPeer
var client: MultiplayerPeer
var reported: Array[String] = []
var port := 0


func after_each() -> void:
	server = null
	client = null


func test_a_freed_peer_informs_its_peers() -> void:
	for of in IMPLEMENTATIONS:
		for other in IMPLEMENTATIONS:
			await _connect(of, other)
			client = null
			check(await _wait_until_reported("server lost %s"), "%s hears that the client of %s was freed" % [of, other])
			await _connect(of, other)
			server = null
			check(await _wait_until_reported("client lost 1"), "%s hears that the server of %s was freed" % [other, of])


func test_a_replaced_peer_informs_its_peers() -> void:
	await _connect(OURS, ENGINE)
	var api := SceneMultiplayer.new()
	api.multiplayer_peer = server
	server = null
	api.multiplayer_peer = null
	check(await _wait_until_reported("client lost 1"), "it hears")


func test_a_freed_peer_informs_its_peers_while_a_script_holds_its_host() -> void:
	await _connect(OURS, ENGINE)
	var host: LodeENetConnection = (server as LodeENetMultiplayerPeer).host
	server = null
	check(await _wait_until_reported("client lost 1"), "it hears")
	expect_error("no host")
	check_eq(host.get_local_port(), 0)


func test_a_freed_or_destroyed_host_informs_its_peers() -> void:
	for destroy: bool in [false, true]:
		await _connect(ENGINE, OURS)
		client.close()
		# In an array, and never on this function's stack, which would hold the host.
		var hosts := _asking_host()
		check(await wait_until(func() -> bool:
			server.poll()
			return hosts[0].service()[0] == LodeENetConnection.EVENT_CONNECT
		), "it connects")
		check(await _wait_until_reported("server met 77"), "the server knows")
		_be_patient(server.get_peer(77))
		if destroy:
			hosts[0].destroy()
		hosts.clear()
		check(await _wait_until_reported("server lost 77"), "the server hears, destroyed: %s: %s" % [destroy, reported])


func _asking_host() -> Array[LodeENetConnection]:
	var host := LodeENetConnection.new()
	host.create_host(1)
	host.connect_to_host("127.0.0.1", port, 0, 77)
	return [host]


func test_a_freed_mesh_informs_its_peers() -> void:
	for other_implementation in IMPLEMENTATIONS:
		for close: bool in [false, true]:
			await _connect_mesh(other_implementation)
			if close:
				client.close()
			client = null
			check(await _wait_until_reported("server lost 3"), "%s hears that a mesh of ours goes, closed: %s" % [other_implementation, close])


## A mesh of `other_make` in the place of the server, with id 2, and one of ours in the place of the client, with id 3.
func _connect_mesh(other_implementation: String) -> void:
	reported.clear()
	var hosts: Array[RefCounted] = [
		ClassDB.instantiate("ENetConnection" if other_implementation == ENGINE else "LodeENetConnection"), LodeENetConnection.new(),
	]
	port = Hosts.free_port()
	hosts[0].create_host_bound("127.0.0.1", port, 1)
	hosts[1].create_host(1)
	hosts[1].connect_to_host("127.0.0.1", port)
	var there := [false, false]
	check(await wait_until(func() -> bool:
		for side in 2:
			there[side] = hosts[side].service()[0] == ENetConnection.EVENT_CONNECT or there[side]
		return there[0] and there[1]
	), "they connect")
	server = ClassDB.instantiate(other_implementation)
	client = LodeENetMultiplayerPeer.new()
	_tell_of(server, "server")
	check_eq(server.create_mesh(2), OK)
	check_eq(client.create_mesh(3), OK)
	check_eq(server.add_mesh_peer(3, hosts[0]), OK)
	check_eq(client.add_mesh_peer(2, hosts[1]), OK)
	_be_patient(server.get_peer(3))


func test_a_quitting_game_informs_its_peers() -> void:
	var engine := godot()
	if engine.is_empty():
		return
	for of: String in [OURS, "LodeENetConnection"]:
		for hold: String in ["variable", "static", "multiplayer"]:
			if of == "LodeENetConnection" and hold == "multiplayer":
				continue
			for as_server: bool in [true, false]:
				var what := "%s in a %s, as %s" % [of, hold, "server" if as_server else "client"]
				var other := ENetConnection.new()
				port = Hosts.free_port()
				check_eq(other.create_host() if as_server else other.create_host_bound("127.0.0.1", port), OK)
				var game := start_process(engine, PackedStringArray(["--headless", "--path", ProjectSettings.globalize_path("res://"),
						"-s", "res://suites/enet/quitting_game.gd", "--", "--class=" + of, "--hold=" + hold,
						"--%s=%d" % ["listen" if as_server else "join", port]]))
				if as_server:
					await game.line_after("ready")
					other.connect_to_host("127.0.0.1", port, 0, 5)
				var heard: Array[int] = []
				check(await wait_until(func() -> bool:
					var event: Array = other.service()
					if event[0] == ENetConnection.EVENT_CONNECT:
						_be_patient(event[1])
					if event[0] != ENetConnection.EVENT_NONE and event[0] != ENetConnection.EVENT_RECEIVE:
						heard.append(event[0])
					return heard.size() == 2
				), what)
				check_eq(heard, [ENetConnection.EVENT_CONNECT, ENetConnection.EVENT_DISCONNECT] as Array[int], what)
				check_eq(await game.finished(), 0, "the game ends well: " + what)
				other.destroy()


## A peer that receives nothing does not time out before the test does.
func _be_patient(peer: PacketPeer) -> void:
	peer.set_timeout(600_000, 600_000, 600_000)


func test_packets_of_a_disconnected_player_are_dropped() -> void:
	for how: String in ["disconnect_peer", "force", "peer_disconnect", "peer_disconnect_now", "reset"]:
		for other in IMPLEMENTATIONS:
			await _connect(OURS, other)
			var id := client.get_unique_id()
			for number in 5:
				client.set_target_peer(1)
				client.put_packet([number])
			check(await wait_until(func() -> bool:
				server.poll()
				client.poll()
				return server.get_available_packet_count() == 5
			), "the packets come")
			server.get_packet()
			_send_away(how, id)
			check_eq(server.get_available_packet_count() if how.contains("disconnect_peer") or how == "force" else 0, 0, how)
			var heard := [0]
			check(await wait_until(func() -> bool:
				server.poll()
				heard[0] += server.get_available_packet_count()
				if client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED:
					client.poll()
				return how == "force" or reported.has("server lost %d" % id)
			), "%s of %s is reported" % [how, other])
			check_eq(heard[0], 0, how)
			expect_error("there is no peer %d" % id)
			check(server.get_peer(id) == null, "it is forgotten")


func test_a_client_that_ends_its_connection_is_disconnected() -> void:
	for how: String in ["disconnect_peer", "force", "peer_disconnect", "peer_disconnect_later", "peer_disconnect_now", "reset"]:
		var traces := []
		for of in IMPLEMENTATIONS:
			await _connect(OURS, of)
			_send_away(how, 1, client)
			check(await wait_until(func() -> bool:
				server.poll()
				if client.get_connection_status() != MultiplayerPeer.CONNECTION_DISCONNECTED:
					client.poll()
				return client.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED
			), "%s of %s" % [how, of])
			traces.append(reported.filter(func(line: String) -> bool: return line.begins_with("client")))
		check_eq(traces[0], traces[1], how)


func _send_away(how: String, id: int, from := server) -> void:
	match how:
		"disconnect_peer":
			from.disconnect_peer(id)
		"force":
			from.disconnect_peer(id, true)
		_:
			from.get_peer(id).call(how)


func test_close_frees_the_port_though_a_script_holds_the_host() -> void:
	var peer := LodeENetMultiplayerPeer.new()
	check_eq(peer.create_server(0), OK)
	var host := peer.host
	var was := host.get_local_port()
	peer.close()
	check_eq(peer.create_server(was), OK, "the port is free")
	check(host != peer.host, "another host")


func test_the_reason_of_a_disconnect_is_readable() -> void:
	await _connect(OURS, OURS)
	var at_client: LodeENetPacketPeer = client.get_peer(1)
	at_client.set_timeout(1, 100, 100)
	# It vanishes: it is not polled, and the simulated network loses everything.
	(server as LodeENetMultiplayerPeer).host.simulated_loss = 1.0
	server.poll()
	client.set_target_peer(1)
	client.put_packet([1])
	check(await wait_until(func() -> bool:
		client.poll()
		return client.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED
	), "it is lost")
	check_eq(at_client.get_disconnect_reason(), "the other side does not answer")


func test_the_reason_distinguishes_a_full_server_from_a_refusing_one() -> void:
	port = Hosts.free_port()
	server = _make(OURS)
	check_eq(server.create_server(port, 1), OK)
	var one := _make(OURS)
	one.create_client("127.0.0.1", port)
	check(await wait_until(func() -> bool:
		server.poll()
		one.poll()
		return reported.size() == 2
	), "the first comes in")
	check_eq(await _refusal(), "the other side is full")
	server.refuse_new_connections = true
	check_eq(await _refusal(), "the other side refuses connections")


func _refusal() -> String:
	var other := LodeENetMultiplayerPeer.new()
	other.create_client("127.0.0.1", port)
	var peer := other.get_peer(1)
	check(await wait_until(func() -> bool:
		server.poll()
		other.poll()
		return other.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED
	), "it is not let in")
	return peer.get_disconnect_reason()


func test_a_handler_may_begin_again_with_the_same_peer() -> void:
	await _connect(OURS, OURS)
	client.peer_disconnected.connect(func(_id: int) -> void:
		client.close()
		client.create_client("127.0.0.1", port)
	)
	server.disconnect_peer(client.get_unique_id())
	check(await wait_until(func() -> bool:
		server.poll()
		client.poll()
		return reported.filter(func(line: String) -> bool: return line.begins_with("server met")).size() == 2
	), "it comes again")
	check_eq(client.get_connection_status() != MultiplayerPeer.CONNECTION_DISCONNECTED, true)


func test_messages_name_what_the_script_called() -> void:
	var peer := LodeENetMultiplayerPeer.new()
	expect_error("LodeENetMultiplayerPeer.create_server: invalid port 70000")
	check_eq(peer.create_server(70_000), ERR_INVALID_PARAMETER)
	expect_error("LodeENetMultiplayerPeer.create_client: invalid port 0")
	check_eq(peer.create_client("127.0.0.1", 0), ERR_CANT_CREATE)
	expect_error("LodeENetMultiplayerPeer.create_client: invalid port 70000")
	check_eq(peer.create_client("127.0.0.1", 70_000), ERR_CANT_CREATE)


## Return codes of both classes for the same bad arguments. Each row: a method and its arguments.
func test_return_codes_are_the_engines() -> void:
	var busy := LodeENetConnection.new()
	busy.create_host_bound("127.0.0.1", 0)
	var taken := busy.get_local_port()
	var rows := [["create_mesh", [0]], ["create_mesh", [-4]], ["create_mesh", [5]], ["add_mesh_peer", [2, null]], ["create_server", [taken]]]
	for number: int in [-1, 65_536, 70_000]:
		rows.append(["create_server", [number]])
		rows.append(["create_client", ["127.0.0.1", 9, 0, 0, 0, number]])
	for number: int in [-1, 0, 65_536, 70_000]:
		rows.append(["create_client", ["127.0.0.1", number]])
	for number: int in [-1, 0, 4096]:
		rows.append(["create_server", [0, number]])
	for number: int in [-3, -1]:
		rows.append(["create_server", [0, 4, number]])
		rows.append(["create_client", ["127.0.0.1", 9, number]])
		rows.append(["create_client", ["127.0.0.1", 9, 0, number]])
		rows.append(["create_client", ["127.0.0.1", 9, 0, 0, number]])
		rows.append(["create_server", [0, 4, 0, 0, number]])
	rows.append(["create_client", ["not a host", 9]])
	for row: Array in rows:
		var codes := []
		for of in IMPLEMENTATIONS:
			var peer: MultiplayerPeer = ClassDB.instantiate(of)
			peer.set_bind_ip("127.0.0.1")
			codes.append(_quietly(peer, row[0], row[1]))
			codes.append(peer.get_connection_status())
			# A second call, in use or not.
			codes.append(_quietly(peer, "create_mesh", [0]))
		check_eq(codes.slice(0, 3), codes.slice(3), "%s%s" % row)


## Calls it with the log off: another test covers its output.
func _quietly(of: Object, method: String, arguments: Array) -> Variant:
	Engine.print_error_messages = false
	var result: Variant = of.callv(method, arguments)
	Engine.print_error_messages = true
	return result


func _make(of: String) -> MultiplayerPeer:
	var peer: MultiplayerPeer = ClassDB.instantiate(of)
	peer.set_bind_ip("127.0.0.1")
	_tell_of(peer, "server")
	return peer


func _tell_of(peer: MultiplayerPeer, side: String) -> void:
	peer.peer_connected.connect(func(id: int) -> void: reported.append("%s met %d" % [side, id]))
	peer.peer_disconnected.connect(func(id: int) -> void: reported.append("%s lost %d" % [side, id]))


## A server and a client, connected.
func _connect(of_server: String, of_client: String) -> void:
	if server != null:
		server.close()
	reported.clear()
	port = Hosts.free_port()
	server = _make(of_server)
	check_eq(server.create_server(port), OK)
	client = ClassDB.instantiate(of_client)
	_tell_of(client, "client")
	check_eq(client.create_client("127.0.0.1", port), OK)
	check(await wait_until(func() -> bool:
		server.poll()
		client.poll()
		return reported.size() == 2
	), "they connect")
	_be_patient(server.get_peer(client.get_unique_id()))
	_be_patient(client.get_peer(1))


## Polls all peers until something was reported; `%s` stands for any client.
func _wait_until_reported(what: String) -> bool:
	return await wait_until(func() -> bool:
		for peer: MultiplayerPeer in [server, client]:
			if peer != null and peer.get_connection_status() != MultiplayerPeer.CONNECTION_DISCONNECTED:
				peer.poll()
		return reported.any(func(line: String) -> bool: return line.begins_with(what.get_slice("%", 0)))
	)
