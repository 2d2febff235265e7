extends "res://test_case.gd"
## ENet over DTLS: our hosts with each other, and with the engine's DTLS and ENet by a relay.

const Endpoints := preload("res://suites/dtls/endpoints.gd")
const Hosts := preload("res://suites/enet/hosts.gd")
const Relay := preload("res://suites/dtls/relay.gd")

var hosts: Hosts
var relay: Relay


func before_each() -> void:
	hosts = Hosts.new()
	relay = null


func after_each() -> void:
	hosts.destroy()


func test_our_hosts() -> void:
	var server := _server()
	var client := _client()
	await _exchange(server, client, client.connect_to_host("127.0.0.1", server.get_local_port(), 3, 5))


func test_our_client_at_the_engines_dtls_and_enet() -> void:
	var server := hosts.create("ENetConnection", Hosts.free_port(), 8, 3)
	relay = Relay.new()
	var port := relay.decrypt(server.get_local_port(), Endpoints.options())
	var client := _client()
	await _exchange(server, client, client.connect_to_host("127.0.0.1", port, 3, 5))


func test_the_engines_enet_and_dtls_at_our_server() -> void:
	var server := _server()
	relay = Relay.new()
	var port := relay.encrypt(server.get_local_port())
	var client := hosts.create("ENetConnection", 0, 1, 3)
	await _exchange(server, client, client.connect_to_host("127.0.0.1", port, 3, 5))


func test_a_bad_network() -> void:
	var server := _server()
	server.simulated_loss = 0.2
	server.simulated_latency = 5.0
	server.simulated_reordering = 0.1
	var client := _client()
	await _exchange(server, client, client.connect_to_host("127.0.0.1", server.get_local_port(), 3, 5))


func test_a_server_that_is_not_the_one() -> void:
	var server := _server()
	var client := hosts.create("LodeENetConnection", 0, 1)
	var trusted := TLSOptions.client(Endpoints.certificate("engine.crt"))
	check_eq(client.dtls_client_setup("other.example", trusted), OK)
	var peer: LodeENetPacketPeer = client.connect_to_host("127.0.0.1", server.get_local_port())
	check(await _wait_until(func() -> bool: return hosts.count(client, 2) == 1), "it is reported")
	check(peer.get_disconnect_reason().contains("not valid for the requested name"), peer.get_disconnect_reason())
	check_eq(hosts.events[server], [])


func test_plain_enet_is_ignored_by_a_host_with_dtls() -> void:
	var server := _server()
	var client := hosts.create("ENetConnection", 0, 1)
	client.connect_to_host("127.0.0.1", server.get_local_port())
	# A later client that connects shows that the server has received the earlier datagrams.
	var other := _client()
	other.connect_to_host("127.0.0.1", server.get_local_port())
	check(await _wait_until(func() -> bool: return hosts.count(server, 1) == 1 and hosts.count(other, 1) == 1), "another comes in")
	check_eq(hosts.events[server].size(), 1)
	check_eq(hosts.events[client], [])


func test_refusing() -> void:
	var server := _server()
	server.refuse_new_connections(true)
	var client := _client()
	client.connect_to_host("127.0.0.1", server.get_local_port())
	check(await _wait_until(func() -> bool: return hosts.count(client, 2) == 1), "it is reported at once")
	check_eq(hosts.events[server], [])
	server.refuse_new_connections(false)
	client.connect_to_host("127.0.0.1", server.get_local_port())
	check(await _wait_until(func() -> bool: return hosts.count(client, 1) == 1), "another time, it comes in")


func test_a_client_that_vanishes_can_reconnect() -> void:
	var server := _server()
	for round in 3:
		var client := _client()
		client.connect_to_host("localhost", server.get_local_port())
		check(await _wait_until(func() -> bool: return hosts.count(client, 1) == 1), "it connects")
		check(await _wait_until(func() -> bool: return hosts.count(server, 1) == round + 1), "at both ends")
		# Closing it informs the server, through DTLS.
		hosts.remove(client)
		check(await _wait_until(func() -> bool: return hosts.count(server, 2) == round + 1), "the server is reported")


func test_a_handshake_that_fails_beside_a_connection_leaves_it() -> void:
	var server := _server()
	relay = Relay.new()
	var port := relay.encrypt(server.get_local_port())
	var client := hosts.create("ENetConnection", 0, 1, 3)
	var peer: ENetPacketPeer = client.connect_to_host("127.0.0.1", port, 3, 5)
	check(await _wait_until(func() -> bool: return hosts.count(server, 1) == 1 and hosts.count(client, 1) == 1), "it connects")
	# From the same address, another client connects, and rejects the server's certificate.
	expect_error("TLS handshake error")
	var other := PacketPeerDTLS.new()
	other.connect_to_peer(relay.ways()[0], "other.example", TLSOptions.client(Endpoints.certificate("engine.crt")))
	check(await wait_until(func() -> bool: other.poll(); return other.get_status() != PacketPeerDTLS.STATUS_HANDSHAKING), "it is over")
	# Which of its two errors the engine reports depends on the timing of its datagrams.
	check(other.get_status() in [PacketPeerDTLS.STATUS_ERROR, PacketPeerDTLS.STATUS_ERROR_HOSTNAME_MISMATCH], "it has failed")
	# By then the server has dropped it.
	await _serve_for(2.5)
	check_eq(hosts.count(server, 2), 0)
	peer.send(0, PackedByteArray([1]), ENetPacketPeer.FLAG_RELIABLE)
	check(await _wait_until(func() -> bool: return hosts.packets(server).size() == 1), "the connection goes on")


func test_a_server_does_not_request_certificates() -> void:
	var server := _server()
	var other := _server()
	server.connect_to_host("127.0.0.1", other.get_local_port())
	check(await _wait_until(func() -> bool: return hosts.count(server, 2) == 1), "it is reported at once")


func test_invalid_options_are_rejected() -> void:
	var host := LodeENetConnection.new()
	for error: String in ["dtls_server_setup", "dtls_client_setup"]:
		expect_error(error)
	check_eq(host.dtls_server_setup(Endpoints.options()), ERR_UNCONFIGURED)
	check_eq(host.dtls_client_setup("x"), ERR_UNCONFIGURED)
	check_eq(host.create_host(1), OK)
	expect_error("the options are null")
	check_eq(host.dtls_server_setup(null), ERR_INVALID_PARAMETER)
	expect_error("the options are for a client")
	check_eq(host.dtls_server_setup(TLSOptions.client_unsafe()), ERR_INVALID_PARAMETER)
	expect_error("the options are for a server")
	check_eq(host.dtls_client_setup("x", Endpoints.options()), ERR_INVALID_PARAMETER)


func test_multiplayer_peers() -> void:
	var server := LodeENetMultiplayerPeer.new()
	server.set_bind_ip("127.0.0.1")
	check_eq(server.create_server(0, 8, 0, 0, 0, Endpoints.options()), OK)
	var port: int = server.host.get_local_port()
	var trusted := TLSOptions.client(Endpoints.certificate("engine.crt"))
	var client := LodeENetMultiplayerPeer.new()
	check_eq(client.create_client("127.0.0.1", port, 0, 0, 0, 0, trusted, Endpoints.NAME), OK)
	var wrong := LodeENetMultiplayerPeer.new()
	check_eq(wrong.create_client("127.0.0.1", port, 0, 0, 0, 0, trusted), OK)
	var peers: Array[LodeENetMultiplayerPeer] = [server, client, wrong]
	var came := []
	server.peer_connected.connect(func(id: int) -> void: came.append(id))
	var poll := func(peer: LodeENetMultiplayerPeer) -> void: peer.poll()
	var settled := func() -> bool:
		peers.map(poll)
		return client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED \
				and wrong.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED
	check(await wait_until(settled), "the one comes in, the other does not: the certificate is not the address's")
	check_eq(came, [client.get_unique_id()])
	client.put_packet("hello".to_ascii_buffer())
	check(await wait_until(func() -> bool: peers.map(poll); return server.get_available_packet_count() == 1), "a packet comes")
	check_eq(server.get_packet(), "hello".to_ascii_buffer())
	for peer in peers:
		peer.close()


func _server() -> LodeENetConnection:
	var server := hosts.create("LodeENetConnection", 0, 8, 3)
	check_eq(server.dtls_server_setup(Endpoints.options()), OK)
	return server


func _client() -> LodeENetConnection:
	var client := hosts.create("LodeENetConnection", 0, 1, 3)
	check_eq(client.dtls_client_setup(Endpoints.NAME, TLSOptions.client(Endpoints.certificate("engine.crt"))), OK)
	return client


## Packets both ways, a long one among them, and the end.
func _exchange(server: RefCounted, client: RefCounted, peer: PacketPeer) -> void:
	check(await _wait_until(func() -> bool: return hosts.count(server, 1) == 1 and hosts.count(client, 1) == 1), "it connects")
	if hosts.count(server, 1) == 0:
		return
	check_eq(hosts.of_type(server, 1)[0][2], 5, "the number of the client comes along")
	var long := PackedByteArray()
	long.resize(20_000)
	long.fill(7)
	var wanted := []
	for index in 50:
		wanted.append(PackedByteArray([index]))
		peer.send(index % 2, wanted[-1], ENetPacketPeer.FLAG_RELIABLE)
	peer.send(2, long, ENetPacketPeer.FLAG_RELIABLE)
	check(await _wait_until(func() -> bool: return hosts.packets(server).size() == 51), "they come")
	var got := hosts.packets(server)
	check_eq(got.count(long), 1)
	got.erase(long)
	got.sort_custom(func(a: PackedByteArray, b: PackedByteArray) -> bool: return a[0] < b[0])
	check_eq(got, wanted)
	server.broadcast(0, long, ENetPacketPeer.FLAG_RELIABLE)
	check(await _wait_until(func() -> bool: return hosts.packets(client).size() == 1), "the answer comes")
	check_eq(hosts.packets(client), [long])
	peer.peer_disconnect(9)
	check(await _wait_until(func() -> bool: return hosts.count(server, 2) == 1 and hosts.count(client, 2) == 1), "it ends")
	check_eq(hosts.of_type(server, 2)[0][2], 9)


## Polls for a time in which an error could occur: a slow machine sees less of it, but does not fail more often.
func _serve_for(time: float) -> void:
	var end := Time.get_ticks_msec() + int(time * 1000.0)
	await _wait_until(func() -> bool: return Time.get_ticks_msec() >= end)


func _wait_until(condition: Callable) -> bool:
	var served := func() -> bool:
		hosts.service()
		if relay != null:
			relay.pump()
		return condition.call()
	return await wait_until(served)
