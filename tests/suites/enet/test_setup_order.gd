extends "res://test_case.gd"
## What is set up after a host or a peer was created, and before it is first served, holds from the first datagram on, as with the
## engine's classes.

const Ends := preload("res://suites/dtls/ends.gd")
const Hosts := preload("res://suites/enet/hosts.gd")

var server: MultiplayerPeer
var client: MultiplayerPeer


func before_each() -> void:
	server = LodeENetMultiplayerPeer.new()
	client = LodeENetMultiplayerPeer.new()
	server.set_bind_ip("127.0.0.1")


func after_each() -> void:
	server.close()
	client.close()


func test_dtls_may_be_set_up_after_create_client_and_create_server() -> void:
	for delay: float in [0.0, 0.2]:
		for address: String in ["127.0.0.1", "localhost"]:
			var port := Hosts.free_port()
			check_eq(server.create_server(port), OK)
			check_eq(server.host.dtls_server_setup(Ends.options()), OK)
			check_eq(client.create_client(address, port), OK)
			# Nothing has left yet, however long the script takes.
			await seconds(delay)
			check_eq(client.host.dtls_client_setup(Ends.NAME, TLSOptions.client(Ends.certificate("engine.crt"))), OK)
			check(await _joins(), "after %.1f s to %s" % [delay, address])
			server.close()
			client.close()


func test_dtls_reaches_an_attempt_under_way() -> void:
	check_eq(server.create_server(0), OK)
	check_eq(server.host.dtls_server_setup(Ends.options()), OK)
	check_eq(client.create_client("127.0.0.1", server.host.get_local_port()), OK)
	# The first datagram leaves, and is not answered.
	client.poll()
	await seconds(0.1)
	client.poll()
	check_eq(client.host.dtls_client_setup(Ends.NAME, TLSOptions.client(Ends.certificate("engine.crt"))), OK)
	check(await _joins(), "it joins")


func test_a_certificate_that_is_not_trusted_is_told_of_an_attempt_under_way() -> void:
	check_eq(server.create_server(0), OK)
	check_eq(server.host.dtls_server_setup(Ends.options()), OK)
	check_eq(client.create_client("127.0.0.1", server.host.get_local_port()), OK)
	client.poll()
	check_eq(client.host.dtls_client_setup("other.example", TLSOptions.client(Ends.certificate("engine.crt"))), OK)
	var peer: LodeENetPacketPeer = client.get_peer(1)
	check(await until(func() -> bool:
		server.poll()
		client.poll()
		return client.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED
	), "it is told")
	check_ne(peer.get_disconnect_reason(), "")


## As with the engine's classes: another setup would cut off the peers that there are.
func test_a_second_setup_of_dtls_fails_and_the_peers_stay() -> void:
	check_eq(server.create_server(0), OK)
	check_eq(server.host.dtls_server_setup(Ends.options()), OK)
	check_eq(client.create_client("127.0.0.1", server.host.get_local_port()), OK)
	var trust := TLSOptions.client(Ends.certificate("engine.crt"))
	check_eq(client.host.dtls_client_setup(Ends.NAME, trust), OK)
	check(await _joins(), "it joins")
	for call: Callable in [
		server.host.dtls_server_setup.bind(Ends.options()),
		server.host.dtls_client_setup.bind(Ends.NAME, trust),
		client.host.dtls_client_setup.bind(Ends.NAME, trust),
	]:
		expect_error("uses DTLS already")
		check_eq(call.call(), FAILED)
	check_eq(server.get_peer(client.get_unique_id()).send(0, PackedByteArray([7]), ENetPacketPeer.FLAG_RELIABLE), OK)
	check(await until(func() -> bool:
		server.poll()
		client.poll()
		return client.get_available_packet_count() > 0
	), "a packet arrives")


func test_settings_hold_from_the_first_datagram_on() -> void:
	for make: String in ["Lode", ""]:
		for ours_serves: bool in [true, false]:
			for mode: int in [ENetConnection.COMPRESS_RANGE_CODER, ENetConnection.COMPRESS_ZLIB, ENetConnection.COMPRESS_FASTLZ]:
				var other: MultiplayerPeer = ClassDB.instantiate(make + "ENetMultiplayerPeer")
				var what := "%sENetMultiplayerPeer, %s, mode %d" % [make, "client" if ours_serves else "server", mode]
				var port := Hosts.free_port()
				if ours_serves:
					client = other
				else:
					server = other
				check_eq(server.create_server(port), OK)
				server.host.compress(mode)
				check_eq(client.create_client("127.0.0.1", port), OK)
				# A frame passes before the script goes on.
				await frames(2)
				client.host.compress(mode)
				check(await _joins(), what)
				server.close()
				client.close()
				server = LodeENetMultiplayerPeer.new()
				client = LodeENetMultiplayerPeer.new()


func test_a_peers_settings_hold_before_it_is_connected() -> void:
	# Nobody answers there: it gives up as soon as this says, before one that has begun earlier with the usual 30 s.
	for address: String in ["127.0.0.1", "localhost"]:
		var usual := LodeENetMultiplayerPeer.new()
		check_eq(usual.create_client(address, Hosts.free_port()), OK)
		usual.poll()
		check_eq(client.create_client(address, Hosts.free_port()), OK)
		client.get_peer(1).set_timeout(1, 100, 200)
		check(await until(func() -> bool:
			usual.poll()
			client.poll()
			return client.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED
		), "it gives up: " + address)
		check_eq(usual.get_connection_status(), MultiplayerPeer.CONNECTION_CONNECTING, "the other goes on: " + address)
		usual.close()


func test_refusing_and_channels_hold_from_the_first_datagram_on() -> void:
	check_eq(server.create_server(0), OK)
	server.host.channel_limit(3)
	server.refuse_new_connections = true
	check_eq(client.create_client("127.0.0.1", server.host.get_local_port()), OK)
	check(await until(func() -> bool:
		server.poll()
		client.poll()
		return client.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED
	), "it is refused")
	server.refuse_new_connections = false
	check_eq(client.create_client("127.0.0.1", server.host.get_local_port()), OK)
	check(await _joins(), "it joins")
	check_eq(client.get_peer(1).get_channels(), 3)


func _joins() -> bool:
	var joined: Array[int] = []
	var join := func(id: int) -> void: joined.append(id)
	server.peer_connected.connect(join)
	var both := await until(func() -> bool:
		server.poll()
		if client.get_connection_status() != MultiplayerPeer.CONNECTION_DISCONNECTED:
			client.poll()
		return joined.size() == 1 and client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED
	)
	server.peer_connected.disconnect(join)
	return both
