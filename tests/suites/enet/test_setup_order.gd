extends "res://test_case.gd"
## Settings that are made after a host or a peer was created, and before its first service, apply from the first datagram on, as with the
## engine's classes.

const Endpoints := preload("res://suites/dtls/endpoints.gd")
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
			check_eq(server.host.dtls_server_setup(Endpoints.options()), OK)
			check_eq(client.create_client(address, port), OK)
			# Nothing has been sent yet, however long the script takes.
			await wait_seconds(delay)
			check_eq(client.host.dtls_client_setup(Endpoints.NAME, TLSOptions.client(Endpoints.certificate("engine.crt"))), OK)
			check(await _joins(), "after %.1f s to %s" % [delay, address])
			server.close()
			client.close()


func test_dtls_setup_applies_to_a_connection_attempt_in_progress() -> void:
	check_eq(server.create_server(0), OK)
	check_eq(server.host.dtls_server_setup(Endpoints.options()), OK)
	check_eq(client.create_client("127.0.0.1", server.host.get_local_port()), OK)
	# The first datagram is sent, and not answered.
	client.poll()
	await wait_seconds(0.1)
	client.poll()
	check_eq(client.host.dtls_client_setup(Endpoints.NAME, TLSOptions.client(Endpoints.certificate("engine.crt"))), OK)
	check(await _joins(), "it joins")


func test_an_untrusted_certificate_ends_a_connection_attempt_in_progress() -> void:
	check_eq(server.create_server(0), OK)
	check_eq(server.host.dtls_server_setup(Endpoints.options()), OK)
	check_eq(client.create_client("127.0.0.1", server.host.get_local_port()), OK)
	client.poll()
	check_eq(client.host.dtls_client_setup("other.example", TLSOptions.client(Endpoints.certificate("engine.crt"))), OK)
	var peer: LodeENetPacketPeer = client.get_peer(1)
	check(await wait_until(func() -> bool:
		server.poll()
		client.poll()
		return client.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED
	), "it is reported")
	check_ne(peer.get_disconnect_reason(), "")


## As with the engine's classes: another setup would disconnect the existing peers.
func test_a_second_setup_of_dtls_fails_and_the_peers_stay() -> void:
	check_eq(server.create_server(0), OK)
	check_eq(server.host.dtls_server_setup(Endpoints.options()), OK)
	check_eq(client.create_client("127.0.0.1", server.host.get_local_port()), OK)
	var trust := TLSOptions.client(Endpoints.certificate("engine.crt"))
	check_eq(client.host.dtls_client_setup(Endpoints.NAME, trust), OK)
	check(await _joins(), "it joins")
	for call: Callable in [
		server.host.dtls_server_setup.bind(Endpoints.options()),
		server.host.dtls_client_setup.bind(Endpoints.NAME, trust),
		client.host.dtls_client_setup.bind(Endpoints.NAME, trust),
	]:
		expect_error("uses DTLS already")
		check_eq(call.call(), FAILED)
	check_eq(server.get_peer(client.get_unique_id()).send(0, PackedByteArray([7]), ENetPacketPeer.FLAG_RELIABLE), OK)
	check(await wait_until(func() -> bool:
		server.poll()
		client.poll()
		return client.get_available_packet_count() > 0
	), "a packet arrives")


func test_settings_apply_from_the_first_datagram_on() -> void:
	for implementation: String in ["Lode", ""]:
		for ours_serves: bool in [true, false]:
			for mode: int in [ENetConnection.COMPRESS_RANGE_CODER, ENetConnection.COMPRESS_ZLIB, ENetConnection.COMPRESS_FASTLZ]:
				var other: MultiplayerPeer = ClassDB.instantiate(implementation + "ENetMultiplayerPeer")
				var what := "%sENetMultiplayerPeer, %s, mode %d" % [implementation, "client" if ours_serves else "server", mode]
				var port := Hosts.free_port()
				if ours_serves:
					client = other
				else:
					server = other
				check_eq(server.create_server(port), OK)
				server.host.compress(mode)
				check_eq(client.create_client("127.0.0.1", port), OK)
				# A frame passes before the script goes on.
				await wait_frames(2)
				client.host.compress(mode)
				check(await _joins(), what)
				server.close()
				client.close()
				server = LodeENetMultiplayerPeer.new()
				client = LodeENetMultiplayerPeer.new()


func test_settings_of_a_peer_apply_before_it_is_connected() -> void:
	# There is no answer: it times out after this time, before an earlier attempt with the usual 30 s.
	for address: String in ["127.0.0.1", "localhost"]:
		var usual := LodeENetMultiplayerPeer.new()
		check_eq(usual.create_client(address, Hosts.free_port()), OK)
		usual.poll()
		check_eq(client.create_client(address, Hosts.free_port()), OK)
		client.get_peer(1).set_timeout(1, 100, 200)
		check(await wait_until(func() -> bool:
			usual.poll()
			client.poll()
			return client.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED
		), "it gives up: " + address)
		check_eq(usual.get_connection_status(), MultiplayerPeer.CONNECTION_CONNECTING, "the other goes on: " + address)
		usual.close()


func test_refusing_and_channel_limits_apply_from_the_first_datagram_on() -> void:
	check_eq(server.create_server(0), OK)
	server.host.channel_limit(3)
	server.refuse_new_connections = true
	check_eq(client.create_client("127.0.0.1", server.host.get_local_port()), OK)
	check(await wait_until(func() -> bool:
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
	var both := await wait_until(func() -> bool:
		server.poll()
		if client.get_connection_status() != MultiplayerPeer.CONNECTION_DISCONNECTED:
			client.poll()
		return joined.size() == 1 and client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED
	)
	server.peer_connected.disconnect(join)
	return both
