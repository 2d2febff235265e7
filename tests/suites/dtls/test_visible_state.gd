extends "res://test_case.gd"
## The state that a script sees: statuses, errors, limits, and freed objects.

const Endpoints := preload("res://suites/dtls/endpoints.gd")
const Properties := preload("res://properties.gd")

var endpoints: Endpoints


func before_each() -> void:
	endpoints = Endpoints.new()


func after_each() -> void:
	endpoints.close()


func test_a_new_peer_is_disconnected() -> void:
	var peer := LodePacketPeerDTLS.new()
	check_eq(peer.get_status(), LodePacketPeerDTLS.STATUS_DISCONNECTED)
	check_eq(peer.get_available_packet_count(), 0)
	check_eq(peer.put_packet([1]), ERR_UNCONFIGURED)
	check_eq(peer.get_error_message(), "")
	check(peer.get_peer_certificate() == null, "there is none")
	peer.poll()
	peer.disconnect_from_peer()
	check_eq(peer.get_status(), LodePacketPeerDTLS.STATUS_DISCONNECTED)


func test_sockets_that_are_not_connected() -> void:
	var peer := LodePacketPeerDTLS.new()
	for udp: PacketPeerUDP in [null, PacketPeerUDP.new()]:
		expect_error("the PacketPeerUDP is not connected")
		check_eq(peer.connect_to_peer(udp, "x", TLSOptions.client_unsafe()), ERR_INVALID_PARAMETER)
		check(peer.get_error_message().contains("not connected"), peer.get_error_message())
	expect_error("the options are for a server")
	check_eq(peer.connect_to_host("127.0.0.1", 4242, "", Endpoints.options()), ERR_INVALID_PARAMETER)
	for port: int in [-1, 0, 65_536]:
		expect_error("invalid port")
		check_eq(peer.connect_to_host("127.0.0.1", port, "", TLSOptions.client_unsafe()), ERR_INVALID_PARAMETER)
	expect_error("the address is empty")
	check_eq(peer.connect_to_host("", 4242, "", TLSOptions.client_unsafe()), ERR_INVALID_PARAMETER)


func test_invalid_options_are_rejected() -> void:
	var server := LodeDTLSServer.new()
	expect_error("the options are null")
	check_eq(server.setup(null), ERR_INVALID_PARAMETER)
	expect_error("the options are for a client")
	check_eq(server.setup(TLSOptions.client_unsafe()), ERR_INVALID_PARAMETER)
	expect_error("does not belong to the certificate")
	check_eq(server.setup(Endpoints.options("player.key", "engine.crt")), ERR_INVALID_PARAMETER)
	expect_error("call setup() first")
	check_eq(server.listen(0), ERR_UNCONFIGURED)
	var udp := PacketPeerUDP.new()
	expect_error("call setup() first")
	check_eq(server.take_connection(udp).get_status(), LodePacketPeerDTLS.STATUS_DISCONNECTED)
	check_eq(server.setup(Endpoints.options()), OK)
	expect_error("is not connected")
	check_eq(server.take_connection(udp).get_status(), LodePacketPeerDTLS.STATUS_DISCONNECTED)
	udp.connect_to_host("127.0.0.1", 9)
	check_eq(server.take_connection(udp).get_status(), LodePacketPeerDTLS.STATUS_DISCONNECTED, "nothing has come")


## setup() has read the settings: one that changes later would have no effect, for example pins that nobody checks.
func test_settings_do_not_change_after_the_setup_without_another_one() -> void:
	for property in Properties.of_class(&"LodeDTLSServer"):
		var property_name: StringName = property["name"]
		if property_name == &"refuse_new_connections":
			continue
		var server := LodeDTLSServer.new()
		check_eq(server.setup(Endpoints.options()), OK)
		var before: Variant = server.get(property_name)
		var other: Variant = Properties.other_value(property, before)
		server.set(property_name, other)
		check_eq(server.get(property_name), other, property_name)
		expect_error("call setup() first, and again after a property has changed")
		check_eq(server.listen(0), ERR_UNCONFIGURED, property_name)
		server.set(property_name, before)
		check_eq(server.setup(Endpoints.options()), OK)
		check_eq(server.listen(0), OK)
		expect_error("LodeDTLSServer.%s can only be set before setup()" % property_name)
		server.set(property_name, other)
		check_eq(server.get(property_name), before, property_name)
		server.stop()


func test_listening() -> void:
	var server := LodeDTLSServer.new()
	check_eq(server.get_local_port(), 0)
	check(server.take_connection() == null, "nobody waits")
	check(not server.is_listening() and not server.is_connection_available(), "it does not listen")
	check_eq(server.setup(Endpoints.options()), OK)
	expect_error("is not an IP address")
	check_eq(server.listen(0, "no address"), ERR_INVALID_PARAMETER)
	expect_error("invalid port")
	check_eq(server.listen(65_536), ERR_INVALID_PARAMETER)
	check_eq(server.listen(0), OK)
	check(server.is_listening() and server.get_local_port() > 0, "it listens")
	expect_error("is already listening")
	check_eq(server.listen(0), ERR_ALREADY_IN_USE)
	expect_error("Call stop() first")
	check_eq(server.setup(Endpoints.options()), ERR_ALREADY_IN_USE)
	var other := LodeDTLSServer.new()
	other.setup(Endpoints.options())
	expect_error("the port is in use")
	check_eq(other.listen(server.get_local_port()), ERR_ALREADY_IN_USE)
	var port := server.get_local_port()
	server.stop()
	check(not server.is_listening(), "it does not any more")
	check_eq(other.listen(port), OK, "the port is free")
	check(server.take_connection() == null and other.take_connection() == null, "nobody waits")


func test_too_long_a_packet_leaves_the_connection() -> void:
	for own: bool in [false, true]:
		var client := await _connected(own)
		var packet := PackedByteArray()
		packet.resize(16_385)
		expect_error("16385 bytes exceed the maximum of 16384")
		check_eq(client.put_packet(packet), ERR_INVALID_PARAMETER)
		check_eq(client.get_status(), LodePacketPeerDTLS.STATUS_CONNECTED)
		packet.resize(16_384)
		check_eq(client.put_packet(packet), OK)
		check(await wait_until(func() -> bool: endpoints.pump(); return client.get_available_packet_count() == 1), "it is there")
		check_eq(client.get_packet(), packet)
		endpoints.close()


func test_a_peer_is_not_connected_twice() -> void:
	var client := await _connected(true)
	expect_error("Call disconnect_from_peer() first")
	check_eq(client.connect_to_host("127.0.0.1", 4242, "", TLSOptions.client_unsafe()), ERR_ALREADY_IN_USE)
	check_eq(client.get_status(), LodePacketPeerDTLS.STATUS_CONNECTED)


func test_variants_and_many_packets_at_once() -> void:
	var client := await _connected(true)
	client.put_var({"x": Vector2(1, 2)})
	check(await wait_until(func() -> bool: endpoints.pump(); return client.get_available_packet_count() == 1), "it comes back")
	check_eq(client.get_var(), {"x": Vector2(1, 2)})
	for index in 100:
		client.put_packet([index])
	check(await wait_until(func() -> bool: endpoints.pump(); return client.get_available_packet_count() == 100), "they come back")
	var got := client.get_packets().map(func(bytes: PackedByteArray) -> int: return bytes[0] if bytes.size() == 1 else -1)
	got.sort()
	check_eq(got, range(100))
	check_eq(client.get_packet(), PackedByteArray())
	check_eq(client.get_packet_error(), ERR_UNAVAILABLE)


func test_the_status_changes_with_poll_alone() -> void:
	var server := LodeDTLSServer.new()
	var port := endpoints.listen(server, Endpoints.options())
	var client := LodePacketPeerDTLS.new()
	check_eq(client.connect_to_host("127.0.0.1", port, Endpoints.NAME, TLSOptions.client_unsafe()), OK)
	check_eq(client.get_status(), LodePacketPeerDTLS.STATUS_HANDSHAKING)
	check(await wait_until(server.is_connection_available), "a client waits")
	check_eq(client.get_status(), LodePacketPeerDTLS.STATUS_HANDSHAKING)
	var peer := server.take_connection()
	check_eq(peer.get_status(), LodePacketPeerDTLS.STATUS_HANDSHAKING)
	check(not server.is_connection_available() and server.take_connection() == null, "no other waits")
	peer.poll()
	check_eq(peer.get_status(), LodePacketPeerDTLS.STATUS_CONNECTED)
	check(await wait_until(func() -> bool: client.poll(); return client.get_status() == LodePacketPeerDTLS.STATUS_CONNECTED), "both are")
	# Packets that arrive while the game does not poll are available afterwards.
	for index in 10:
		client.put_packet(PackedByteArray([index]))
	OS.delay_msec(100)
	check_eq(peer.get_available_packet_count(), 0)
	check(await wait_until(func() -> bool: peer.poll(); return peer.get_available_packet_count() == 10), "they are there")
	server.stop()
	check_eq(peer.get_status(), LodePacketPeerDTLS.STATUS_CONNECTED)
	peer.poll()
	check_eq(peer.get_status(), LodePacketPeerDTLS.STATUS_DISCONNECTED)
	check_eq(peer.get_available_packet_count(), 10, "what has come stays readable")


func test_packets_over_the_limit_are_counted() -> void:
	var server := LodeDTLSServer.new()
	server.max_buffered_bytes = 10_000
	var port := endpoints.listen(server, Endpoints.options())
	var client := endpoints.add(LodePacketPeerDTLS.new()) as LodePacketPeerDTLS
	client.connect_to_host("127.0.0.1", port, Endpoints.NAME, TLSOptions.client_unsafe())
	check(await wait_until(endpoints.connected(client)), "it connects")
	check(await wait_until(func() -> bool: endpoints.pump(); return endpoints.accepted.size() == 1), "at both ends")
	var packet := PackedByteArray()
	packet.resize(936)
	for _index in 50:
		client.put_packet(packet)
	var peer: LodePacketPeerDTLS = endpoints.accepted[0]
	check(await wait_until(func() -> bool: return peer.get_dropped_packet_count() == 40), "40 are lost")


func test_refusing() -> void:
	var server := LodeDTLSServer.new()
	server.refuse_new_connections = true
	var port := endpoints.listen(server, Endpoints.options())
	var client := endpoints.add(LodePacketPeerDTLS.new()) as LodePacketPeerDTLS
	client.connect_to_host("127.0.0.1", port, Endpoints.NAME, TLSOptions.client_unsafe())
	await wait_seconds(0.3)
	endpoints.pump()
	check_eq(client.get_status(), LodePacketPeerDTLS.STATUS_HANDSHAKING)
	server.refuse_new_connections = false
	check(await wait_until(endpoints.connected(client)), "it asks again, and comes in")


func test_a_handshake_that_nobody_answers() -> void:
	for own: bool in [false, true]:
		var silent := UDPServer.new()
		silent.listen(0, "127.0.0.1")
		var client := LodePacketPeerDTLS.new()
		client.handshake_timeout = 0.3
		if own:
			client.connect_to_host("127.0.0.1", silent.get_local_port(), "x", TLSOptions.client_unsafe())
		else:
			var udp := PacketPeerUDP.new()
			udp.connect_to_host("127.0.0.1", silent.get_local_port())
			client.connect_to_peer(udp, "x", TLSOptions.client_unsafe())
		endpoints.add(client)
		check(await wait_until(endpoints.settled(client)), "it ends")
		check_eq(client.get_status(), LodePacketPeerDTLS.STATUS_ERROR)
		check_eq(client.get_error_message(), "the other side does not answer")


func test_clients_that_vanish() -> void:
	for own: bool in [false, true]:
		var server := LodeDTLSServer.new()
		server.idle_timeout = 1.0
		var port := endpoints.listen(server, Endpoints.options()) if own else endpoints.serve_with(server, Endpoints.options())
		var client := endpoints.join("", port, TLSOptions.client_unsafe())
		check(await wait_until(endpoints.connected(client)), "it connects")
		client.put_packet([1])
		# On a slow machine it may have ended before it is polled.
		check(await wait_until(func() -> bool: endpoints.pump(); return not endpoints.reasons.is_empty()), "it is let go of")
		check_eq(endpoints.reasons, ["the other side was silent for too long"] as Array[String])
		endpoints.reasons.clear()
		endpoints.close()


func test_a_client_that_comes_back_at_its_address() -> void:
	var server := LodeDTLSServer.new()
	var port := endpoints.listen(server, Endpoints.options())
	var udp := PacketPeerUDP.new()
	udp.connect_to_host("127.0.0.1", port)
	var first := PacketPeerDTLS.new()
	first.connect_to_peer(udp, Endpoints.NAME, TLSOptions.client_unsafe())
	endpoints.add(first)
	check(await wait_until(endpoints.connected(first)), "it connects")
	check(await wait_until(func() -> bool: endpoints.pump(); return endpoints.accepted.size() == 1), "at both ends")
	var old: LodePacketPeerDTLS = endpoints.accepted[0]
	var second := PacketPeerDTLS.new()
	second.connect_to_peer(udp, Endpoints.NAME, TLSOptions.client_unsafe())
	endpoints.remove(first)
	endpoints.add(second)
	check(await wait_until(endpoints.connected(second)), "it connects again")
	check(await wait_until(func() -> bool: endpoints.pump(); return old.get_status() == LodePacketPeerDTLS.STATUS_DISCONNECTED), "the old one ends")
	check_eq(old.get_error_message(), "the other side has connected again")
	second.put_packet("new".to_ascii_buffer())
	check(await wait_until(func() -> bool: endpoints.pump(); return second.get_available_packet_count() == 1), "the new one goes on")
	check(endpoints.accepted.size() == 1 and endpoints.accepted[0] != old, "it is another object")


func test_freed_objects_leave_nothing_behind() -> void:
	var gone := []
	for own: bool in [false, true]:
		var client := await _connected(own)
		gone.append(weakref(client))
		gone.append(weakref(endpoints.accepted[0]))
		endpoints.close()
	var is_gone := func(reference: WeakRef) -> bool: return reference.get_ref() == null
	check(await wait_until(func() -> bool: return gone.slice(0, 3).all(is_gone)), "nobody holds them")
	# Freeing a server disconnects its clients.
	var server := LodeDTLSServer.new()
	server.setup(Endpoints.options())
	server.listen(0, "127.0.0.1")
	var lonely := LodePacketPeerDTLS.new()
	lonely.connect_to_host("127.0.0.1", server.get_local_port(), Endpoints.NAME, TLSOptions.client_unsafe())
	check(await wait_until(server.is_connection_available), "a client waits")
	server = null
	check(await wait_until(func() -> bool: lonely.poll(); return lonely.get_status() == LodePacketPeerDTLS.STATUS_DISCONNECTED), "it is reported")


func _connected(own: bool) -> LodePacketPeerDTLS:
	var server := LodeDTLSServer.new()
	var port := endpoints.listen(server, Endpoints.options()) if own else endpoints.serve_with(server, Endpoints.options())
	var client := endpoints.add(LodePacketPeerDTLS.new()) as LodePacketPeerDTLS
	var trusted := TLSOptions.client(Endpoints.certificate("engine.crt"))
	if own:
		check_eq(client.connect_to_host("127.0.0.1", port, Endpoints.NAME, trusted), OK)
	else:
		var udp := PacketPeerUDP.new()
		udp.connect_to_host("127.0.0.1", port)
		check_eq(client.connect_to_peer(udp, Endpoints.NAME, trusted), OK)
	check(await wait_until(endpoints.connected(client)), "it connects")
	return client
