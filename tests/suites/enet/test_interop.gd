extends "res://test_case.gd"
## Our hosts and the engine's, in both roles.

const Hosts := preload("res://suites/enet/hosts.gd")
const OURS := "LodeENetConnection"
const ENGINE := "ENetConnection"
const ROLES := [[OURS, ENGINE], [ENGINE, OURS], [OURS, OURS]]
const FLAGS := [
	ENetPacketPeer.FLAG_RELIABLE, 0, ENetPacketPeer.FLAG_UNSEQUENCED,
	ENetPacketPeer.FLAG_UNRELIABLE_FRAGMENT,
	ENetPacketPeer.FLAG_UNSEQUENCED | ENetPacketPeer.FLAG_UNRELIABLE_FRAGMENT,
]

var hosts: Hosts
var server: RefCounted
var client: RefCounted
var at_client: RefCounted
var at_server: RefCounted
var port := 0


func before_each() -> void:
	hosts = Hosts.new()


func after_each() -> void:
	hosts.destroy()
	server = null
	client = null
	at_client = null
	at_server = null


func test_packets_of_every_kind_in_every_compression() -> void:
	for roles: Array in ROLES:
		for mode in 5:
			if not await _connect(roles, mode):
				return
			var sent: Array[PackedByteArray] = []
			for length: int in [1, 64, 1363, 1364, 1365, 1392, 5000, 65_536, 200_000]:
				for flags: int in FLAGS:
					# So many unreliable fragments at once may overflow the system's buffer when the machine is busy.
					if length > 65_536 and flags & ENetPacketPeer.FLAG_UNRELIABLE_FRAGMENT:
						continue
					var packet := _bytes(length)
					packet[0] = sent.size()
					# One after the other: a burst of unreliable fragments may overflow the system's buffer.
					at_client.send(sent.size() % 3, packet, flags)
					sent.append(packet)
					if not check(await _wait_until(func() -> bool: return hosts.packets(server).size() == sent.size()), "%s, compression %d: %d bytes, flags %d" % [roles, mode, length, flags]):
						return
			check(hosts.packets(server) == sent, "%s, compression %d: as they were" % [roles, mode])
			var channels := hosts.of_type(server, 3).map(func(event: Array) -> int: return event[3])
			check_eq(channels, range(sent.size()).map(func(index: int) -> int: return index % 3))
			# And back.
			for index in 10:
				at_server.send(1, sent[index], FLAGS[index % 5])
			check(await _wait_until(func() -> bool: return hosts.packets(client).size() == 10), "back")
			check(hosts.packets(client) == sent.slice(0, 10), "back, as they were")
			hosts.destroy()


func test_a_packet_of_a_million_bytes() -> void:
	for roles: Array in ROLES:
		if not await _connect(roles):
			return
		var packet := _bytes(1_000_000)
		at_client.send(0, packet, ENetPacketPeer.FLAG_RELIABLE)
		check(await _wait_until(func() -> bool: return hosts.packets(server).size() == 1), str(roles))
		check(hosts.packets(server) == [packet], "as it was")
		hosts.destroy()


func test_an_empty_packet() -> void:
	# The engine crashes when it receives one, so it is not tested here.
	if not await _connect([OURS, OURS]):
		return
	check_eq(at_client.send(0, PackedByteArray(), ENetPacketPeer.FLAG_RELIABLE), OK)
	check_eq(at_client.send(0, PackedByteArray([1]), ENetPacketPeer.FLAG_RELIABLE), OK)
	check(await _wait_until(func() -> bool: return hosts.packets(server).size() == 2), "both arrive")
	check(hosts.packets(server) == [PackedByteArray(), PackedByteArray([1])], "in their order")


func test_events_of_connecting_and_disconnecting() -> void:
	for roles: Array in ROLES:
		for how: String in ["peer_disconnect", "peer_disconnect_later", "peer_disconnect_now"]:
			for from_server: bool in [false, true]:
				if not await _connect(roles):
					return
				var what := "%s of %s, by the server %s" % [how, roles, from_server]
				check_eq(hosts.of_type(server, 1)[0], [1, at_server, 77, 0], what)
				check_eq(hosts.of_type(client, 1)[0], [1, at_client, 0, 0], what)
				check_eq(at_client.get_state(), ENetPacketPeer.STATE_CONNECTED, what)
				check_eq(at_client.get_channels(), 3, what)
				check_eq(at_server.get_remote_address(), "127.0.0.1", what)
				check_eq(at_server.get_remote_port(), client.get_local_port() if roles[1] == OURS else at_server.get_remote_port(), what)
				var closing := server if from_server else client
				var hears := client if from_server else server
				(at_server if from_server else at_client).call(how, 123)
				check(await _wait_until(func() -> bool: return hosts.count(hears, 2) == 1), what + ": it is heard")
				check_eq(hosts.of_type(hears, 2)[0][2], 123, what)
				if how == "peer_disconnect_now":
					await wait_frames(5)
					check_eq(hosts.count(closing, 2), 0, what + ": no event of its own")
				else:
					check(await _wait_until(func() -> bool: return hosts.count(closing, 2) == 1), what + ": it is confirmed")
					check_eq(hosts.of_type(closing, 2)[0][2], 0, what)
				hosts.destroy()


func test_disconnect_later_comes_after_queued_packets() -> void:
	for roles: Array in ROLES:
		if not await _connect(roles):
			return
		for index in 200:
			at_client.send(0, _bytes(2000), ENetPacketPeer.FLAG_RELIABLE)
		at_client.peer_disconnect_later(5)
		check_eq(at_client.send(0, _bytes(1), ENetPacketPeer.FLAG_RELIABLE), FAILED)
		check(await _wait_until(func() -> bool: return hosts.count(server, 2) == 1), str(roles))
		check_eq(hosts.packets(server).size(), 200, str(roles))
		check_eq(hosts.events[server].back()[0], 2, "the end comes last")
		hosts.destroy()


func test_broadcasts_and_statistics() -> void:
	for roles: Array in [[OURS, ENGINE], [ENGINE, OURS]]:
		if not await _connect(roles):
			return
		var second := hosts.create(roles[1])
		second.connect_to_host("127.0.0.1", port, 3, 1)
		check(await _wait_until(func() -> bool: return hosts.count(server, 1) == 2 and hosts.count(second, 1) == 1), "a second client")
		server.broadcast(1, _bytes(500), ENetPacketPeer.FLAG_RELIABLE)
		check(await _wait_until(func() -> bool: return hosts.packets(client).size() == 1 and hosts.packets(second).size() == 1), "both get it")
		check_eq(server.get_peers().size(), 2)
		for host: RefCounted in [server, client]:
			for statistic in 4:
				check_gt(host.pop_statistic(statistic), 0.0, "%s %d" % [roles, statistic])
		await wait_frames(3)
		check_gt(at_client.get_statistic(ENetPacketPeer.PEER_ROUND_TRIP_TIME), 0.0)
		check_eq(at_client.get_statistic(ENetPacketPeer.PEER_PACKET_THROTTLE_INTERVAL), 5000.0)
		check_eq(at_client.get_statistic(ENetPacketPeer.PEER_PACKET_THROTTLE), 32.0)
		at_client.throttle_configure(1000, 3, 4)
		check(await _wait_until(func() -> bool: return at_server.get_statistic(ENetPacketPeer.PEER_PACKET_THROTTLE_DECELERATION) == 4.0), "the throttle is set on both sides")
		hosts.destroy()


func test_compression_that_differs_does_not_connect() -> void:
	for roles: Array in [[OURS, ENGINE], [ENGINE, OURS]]:
		port = Hosts.free_port()
		server = hosts.create(roles[0], port)
		client = hosts.create(roles[1])
		server.compress(ENetConnection.COMPRESS_RANGE_CODER)
		client.compress(ENetConnection.COMPRESS_ZLIB)
		at_client = client.connect_to_host("127.0.0.1", port)
		at_client.set_timeout(1, 300, 600)
		check(await _wait_until(func() -> bool: return hosts.count(client, 2) == 1), "the failed connection is reported")
		check_eq(hosts.count(server, 1), 0)
		if roles[1] == OURS:
			check_eq(at_client.get_disconnect_reason(), "the host does not answer")
		hosts.destroy()


func test_socket_send_opens_a_nat() -> void:
	# A NAT in front of the server: it only accepts datagrams from addresses that something was sent to.
	var nat := PacketPeerUDP.new()
	nat.bind(0, "127.0.0.1")
	server = hosts.create(OURS)
	client = hosts.create(OURS)
	server.service()
	var let_in := {}
	var inner := PacketPeerUDP.new()
	inner.bind(0, "127.0.0.1")
	inner.set_dest_address("127.0.0.1", server.get_local_port())
	at_client = client.connect_to_host("127.0.0.1", nat.get_local_port(), 2, 9)
	var pump := func() -> void:
		hosts.service()
		while nat.get_available_packet_count() > 0:
			var packet := nat.get_packet()
			if let_in.has(nat.get_packet_port()):
				inner.put_packet(packet)
		while inner.get_available_packet_count() > 0:
			var packet := inner.get_packet()
			if packet.get_string_from_ascii() == "open":
				let_in[client.get_local_port()] = true
			else:
				nat.set_dest_address("127.0.0.1", client.get_local_port())
				nat.put_packet(packet)
	for _frame in 20:
		pump.call()
		await wait_frames(1)
	check_eq(hosts.count(server, 1), 0, "the way is closed")
	server.socket_send("127.0.0.1", inner.get_local_port(), "open".to_ascii_buffer())
	check(await wait_until(func() -> bool:
		pump.call()
		return hosts.count(server, 1) == 1 and hosts.count(client, 1) == 1
	), "the way is open")


func _connect(roles: Array, mode := 0) -> bool:
	hosts = Hosts.new()
	port = Hosts.free_port()
	server = hosts.create(roles[0], port, 8, 3)
	client = hosts.create(roles[1])
	server.compress(mode)
	client.compress(mode)
	at_client = client.connect_to_host("127.0.0.1", port, 3, 77)
	if not check(at_client != null, "there is a peer"):
		return false
	var both := await _wait_until(func() -> bool: return hosts.count(server, 1) == 1 and hosts.count(client, 1) == 1)
	check(both, "%s, compression %d: connected" % [roles, mode])
	if both:
		at_server = hosts.of_type(server, 1)[0][1]
		# Unreliable packets are dropped when the round-trip time grows, as it does with the frames of a test.
		at_client.throttle_configure(5000, 2, 0)
		at_server.throttle_configure(5000, 2, 0)
	return both


func _wait_until(condition: Callable) -> bool:
	return await wait_until(func() -> bool:
		hosts.service()
		return condition.call()
	)


func _bytes(length: int) -> PackedByteArray:
	var bytes := PackedByteArray()
	bytes.resize(length)
	for index in mini(length, 3000):
		bytes[index] = (index * 7) % 251
	return bytes
