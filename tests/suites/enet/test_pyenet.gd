extends "res://test_case.gd"
## The C library ENet, through the Python package `pyenet`: in both roles, plain and with the range coder.

const Hosts := preload("res://suites/enet/hosts.gd")


func test_c_enet_as_client() -> void:
	var program := pyenet()
	if program.is_empty():
		return
	for compressed: bool in [false, true]:
		var server := LodeENetConnection.new()
		check_eq(server.create_host_bound("127.0.0.1", 0, 8, 4), OK)
		if compressed:
			server.compress(LodeENetConnection.COMPRESS_RANGE_CODER)
		var arguments := [_script("echo_client.py"), str(server.get_local_port())]
		var client := start_process(program, arguments + (["range"] if compressed else []))
		var reported := []
		var pump := func() -> bool:
			var event := server.service()
			while event[0] != LodeENetConnection.EVENT_NONE:
				var peer: LodeENetPacketPeer = event[1]
				if event[0] == LodeENetConnection.EVENT_RECEIVE:
					var flags := peer.get_packet_flags()
					peer.send(event[3], peer.get_packet(), flags)
				else:
					if event[0] == LodeENetConnection.EVENT_CONNECT:
						# Unreliable packets are dropped when the round-trip time grows.
						peer.throttle_configure(5000, 2, 0)
					reported.append([event[0], event[2]])
				event = server.service()
			# The client gets its answer before the game gets its event, so the test waits for both.
			return reported.size() == 2 and not client.is_running()
		check(await wait_until(pump), "it ends: " + client.output())
		check_eq(client.output().strip_edges().split("\n"), PackedStringArray([
			"channels 4 mtu 1392", "echoes 29", "in order", "done 0",
		]))
		check_eq(reported, [[1, 66], [2, 44]])


func test_c_enet_as_server() -> void:
	var program := pyenet()
	if program.is_empty():
		return
	for compressed: bool in [false, true]:
		var server := start_process(program, [_script("echo_server.py")] + (["range"] if compressed else []))
		check(await wait_until(func() -> bool: return server.output().contains("port")), "it starts")
		var port := server.output().get_slice(" ", 1).to_int()
		var hosts := Hosts.new()
		var client := LodeENetConnection.new()
		client.create_host()
		hosts.add(client)
		if compressed:
			client.compress(LodeENetConnection.COMPRESS_RANGE_CODER)
		var peer := client.connect_to_host("127.0.0.1", port, 5, 88)
		check(await _wait_until(hosts, func() -> bool: return hosts.count(client, 1) == 1), "it connects")
		peer.throttle_configure(5000, 2, 0)
		var sent := []
		# The package itself sends no empty packets.
		for length: int in [1, 1363, 1365, 65_535, 1_000_000]:
			for flags: int in [1, 0, 2, 8]:
				if length > 100_000 and flags != 1:
					continue
				var packet := PackedByteArray()
				packet.resize(length)
				packet.fill(length % 250)
				check_eq(peer.send(sent.size() % 5, packet, flags), OK)
				sent.append(packet)
				if not check(await _wait_until(hosts, func() -> bool: return hosts.packets(client).size() == sent.size()), "%d bytes, flags %d" % [length, flags]):
					return
		check(hosts.packets(client) == sent, "they come back as they were")
		peer.send(0, "leave".to_ascii_buffer(), LodeENetPacketPeer.FLAG_RELIABLE)
		check(await _wait_until(hosts, func() -> bool: return hosts.count(client, 2) == 1), "it is sent away")
		check_eq(hosts.of_type(client, 2)[0][2], 55)
		check(server.output().contains("connect 88"), server.output())
		server.kill()


func _script(name: String) -> String:
	return ProjectSettings.globalize_path("res://suites/enet/peers/" + name)


func _wait_until(hosts: Hosts, condition: Callable) -> bool:
	return await wait_until(func() -> bool:
		hosts.service()
		return condition.call()
	)
