extends "res://test_case.gd"
## Datagrams from unconnected addresses while a peer is served. Attacks of connected peers are in rust/enet/tests/attacks.rs.

const Hosts := preload("res://suites/enet/hosts.gd")

var hosts: Hosts
var server: LodeENetConnection
var client: LodeENetConnection
var peer: LodeENetPacketPeer


func before_each() -> void:
	hosts = Hosts.new()
	server = hosts.create("LodeENetConnection", 0, 8)
	client = hosts.create("LodeENetConnection")
	peer = client.connect_to_host("127.0.0.1", server.get_local_port(), 2)
	check(await _wait_until(func() -> bool: return hosts.count(server, 1) == 1 and hosts.count(client, 1) == 1), "it connects")


func after_each() -> void:
	hosts.destroy()


func test_random_datagrams() -> void:
	for compression in 5:
		server.compress(compression)
		client.compress(compression)
		var generator := RandomNumberGenerator.new()
		generator.seed = compression
		await _flood(func(_index: int) -> PackedByteArray:
			var bytes := PackedByteArray()
			bytes.resize(1 + generator.randi() % 60)
			for at in bytes.size():
				bytes[at] = generator.randi() % 256
			return bytes
		)


func test_requests_for_connections_that_are_never_answered() -> void:
	await _flood(func(index: int) -> PackedByteArray:
		# The header with the reserved peer id, then CONNECT.
		var bytes := PackedByteArray([0x8F, 0xFF, 0, 0, 0x82, 0xFF, 0, 1, 0, 0, 0xFF, 0xFF])
		for number: int in [1392, 65_536, 255, 0, 0, 5000, 2, 2]:
			for shift: int in [24, 16, 8, 0]:
				bytes.append((number >> shift) & 0xFF)
		bytes.resize(52)
		bytes.encode_u32(44, index)
		return bytes
	)
	check_eq(server.get_peers().size(), 1, "nobody of them has a place")


## Sends 20,000 datagrams from several ports, and a packet of the peer's now and then.
func _flood(datagram: Callable) -> void:
	var sockets: Array[PacketPeerUDP] = []
	for _socket in 10:
		var socket := PacketPeerUDP.new()
		socket.set_dest_address("127.0.0.1", server.get_local_port())
		sockets.append(socket)
	var before := resident_bytes()
	var came := hosts.packets(server).size()
	for round in 20:
		for index in 1000:
			sockets[index % 10].put_packet(datagram.call(round * 1000 + index))
		peer.send(0, [round], LodeENetPacketPeer.FLAG_RELIABLE)
		hosts.service()
	check(await _wait_until(func() -> bool: return hosts.packets(server).size() == came + 20), "the peer is served")
	check_lt(resident_bytes() - before, 24 << 20)


func _wait_until(condition: Callable) -> bool:
	return await wait_until(func() -> bool:
		hosts.service()
		return condition.call()
	)
