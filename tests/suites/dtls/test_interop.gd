extends "res://test_case.gd"
## Our classes with the engine's, in both roles: kinds of keys, lengths of packets, ends.

const Endpoints := preload("res://suites/dtls/endpoints.gd")
const RSA_2048 := "res://suites/websocket/keys/rsa_pkcs1.key"
const RSA_2048_CERTIFICATE := "res://suites/websocket/keys/rsa.crt"
const PAIRS := [["Lode", ""], ["", "Lode"], ["Lode", "Lode"]]

var endpoints: Endpoints


func before_each() -> void:
	endpoints = Endpoints.new()


func after_each() -> void:
	endpoints.close()


func test_every_kind_of_key() -> void:
	var kinds := {
		"RSA-2048": [RSA_2048, RSA_2048_CERTIFICATE, "localhost"],
		"RSA-4096": ["rsa4096.key", "rsa4096.crt", Endpoints.NAME],
		"P-256": ["server.key", "engine.crt", Endpoints.NAME],
		"P-384": ["p384.key", "p384.crt", Endpoints.NAME],
	}
	for kind: String in kinds:
		for pair: Array in PAIRS:
			var what := "%s, %s server, %s client" % [kind, pair[0], pair[1]]
			var port := endpoints.serve(pair[0], Endpoints.options(kinds[kind][0], kinds[kind][1]))
			var trusted := TLSOptions.client(Endpoints.certificate(kinds[kind][1]))
			var client := endpoints.join(pair[1], port, trusted, kinds[kind][2])
			if check(await wait_until(endpoints.connected(client)), what):
				await _echo(client, PackedByteArray([1, 2, 3]), what)
			check_eq(endpoints.takes, [false, true] as Array[bool], what + ": the first take is not HANDSHAKING, the second is")
			endpoints.close()
			endpoints.takes.clear()


func test_two_hundred_messages_each_way() -> void:
	for pair: Array in PAIRS:
		var what := "%s server, %s client" % pair
		var port := endpoints.serve(pair[0], Endpoints.options())
		var client := endpoints.join(pair[1], port, TLSOptions.client(Endpoints.certificate("engine.crt")))
		check(await wait_until(endpoints.connected(client)), what)
		for index in 200:
			var length := 16_384 if index == 199 else 1 + (index * 82)
			var packet := PackedByteArray()
			packet.resize(length)
			packet.fill(index)
			if not await _echo(client, packet, "%s, %d bytes" % [what, length]):
				return
		check_eq(endpoints.received.size(), 200)
		endpoints.received.clear()
		endpoints.close()


func test_a_disconnection_is_reported() -> void:
	for pair: Array in PAIRS:
		var port := endpoints.serve(pair[0], Endpoints.options())
		var trusted := TLSOptions.client(Endpoints.certificate("engine.crt"))
		var client := endpoints.join(pair[1], port, trusted)
		check(await wait_until(endpoints.connected(client)), "%s server, %s client" % pair)
		await _echo(client, PackedByteArray([1]), "it is there")
		client.disconnect_from_peer()
		check_eq(client.get_status(), PacketPeerDTLS.STATUS_DISCONNECTED)
		check(await wait_until(func() -> bool: endpoints.pump(); return endpoints.accepted.is_empty()), "the server is reported")
		# And the other way.
		client = endpoints.join(pair[1], port, trusted)
		check(await wait_until(endpoints.connected(client)), "it connects again")
		await _echo(client, PackedByteArray([2]), "it is there again")
		endpoints.accepted[0].disconnect_from_peer()
		endpoints.accepted.clear()
		check(await wait_until(endpoints.settled_to(client, PacketPeerDTLS.STATUS_DISCONNECTED)), "the client is reported")
		endpoints.close()


func test_the_engine_at_our_own_socket() -> void:
	var server := LodeDTLSServer.new()
	var port := endpoints.listen(server, Endpoints.options())
	var client := endpoints.join("", port, TLSOptions.client(Endpoints.certificate("engine.crt")))
	check(await wait_until(endpoints.connected(client)), "it connects")
	for length: int in [1, 500, 16_384]:
		var packet := Crypto.new().generate_random_bytes(length)
		await _echo(client, packet, "%d bytes" % length)


func test_our_own_socket_at_the_engine() -> void:
	var port := endpoints.serve("", Endpoints.options())
	var client := LodePacketPeerDTLS.new()
	var trusted := TLSOptions.client(Endpoints.certificate("engine.crt"))
	check_eq(client.connect_to_host("127.0.0.1", port, Endpoints.NAME, trusted), OK)
	endpoints.add(client)
	check(await wait_until(endpoints.connected(client)), "it connects")
	for length: int in [1, 500, 16_384]:
		var packet := Crypto.new().generate_random_bytes(length)
		await _echo(client, packet, "%d bytes" % length)
	check_eq(client.get_connected_host(), "127.0.0.1")
	check_eq(client.get_connected_port(), port)


func test_a_flight_in_small_pieces() -> void:
	for mtu: int in [508, 700, 1200]:
		var server := LodeDTLSServer.new()
		server.mtu = mtu
		var port := endpoints.serve_with(server, Endpoints.options("rsa4096.key", "rsa4096.crt"))
		var client := endpoints.join("", port, TLSOptions.client(Endpoints.certificate("rsa4096.crt")))
		check(await wait_until(endpoints.connected(client)), "%d bytes a datagram" % mtu)
		await _echo(client, PackedByteArray([1]), "%d bytes a datagram" % mtu)
		endpoints.close()


func _echo(client: PacketPeer, packet: PackedByteArray, what: String) -> bool:
	check_eq(client.put_packet(packet), OK, what)
	var came := func() -> bool:
		endpoints.pump()
		return client.get_available_packet_count() > 0
	if not check(await wait_until(came), what + ": the echo comes"):
		return false
	return check(client.get_packet() == packet, what + ": it is the same")
