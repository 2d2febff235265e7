extends "res://test_case.gd"
## permessage-deflate with foreign clients, and a decompression bomb.

const EchoServer := preload("res://suites/websocket/echo_server.gd")

var echo: EchoServer


func test_foreign_clients() -> void:
	for bits: int in [9, 15]:
		for takeover: bool in [true, false]:
			_serve(func(server: LodeWebSocketServer) -> void:
				server.deflate_window_bits = bits
				server.deflate_context_takeover = takeover
			)
			for script: String in ["deflate_client.py", "deflate_client.js"]:
				var program := python() if script.ends_with("py") else node()
				if program.is_empty():
					return
				var path := ProjectSettings.globalize_path("res://suites/websocket/peers/" + script)
				var client := start_process(program, [path, echo.url()])
				check_eq(await client.finished(), 0, script)
				check_eq(client.output(), "all came back, compressed\n")


func test_broadcast_to_those_who_inflate_and_those_who_do_not() -> void:
	_serve()
	var clients: Array[LodeWebSocketClient] = []
	for deflate: bool in [true, false, true]:
		var client := LodeWebSocketClient.new()
		client.permessage_deflate = deflate
		client.connect_to_url(echo.url())
		clients.append(client)
	check(await _wait_until(clients, func() -> bool: return echo.connected.size() == 3), "all come in")
	var text := "{\"x\": 1.5, \"y\": 2.5} ".repeat(100)
	for _i in 3:
		check_eq(echo.server.broadcast(text.to_utf8_buffer(), LodeWebSocketPeer.WRITE_MODE_TEXT), 3)
		# A message to one client between two broadcasts does not corrupt its context.
		echo.server.get_peer(echo.connected[0]).send_text(text + "!")
	check_eq(echo.server.broadcast([1], LodeWebSocketPeer.WRITE_MODE_BINARY, [echo.connected[1]]), 2)
	var has_all := func() -> bool: return clients.all(func(client: LodeWebSocketClient) -> bool:
		return client.get_connected_port() != 0 and client.get_peer(1).get_available_packet_count() >= 3
	)
	check(await _wait_until(clients, has_all), "all get it")
	for client in clients:
		for packet in client.get_peer(1).get_packets():
			check(packet.get_string_from_utf8().begins_with(text) or packet == PackedByteArray([1]), "unchanged")
	expect_error("text must be UTF-8")
	check_eq(echo.server.broadcast([0xFF], LodeWebSocketPeer.WRITE_MODE_TEXT), -1)


func test_bomb() -> void:
	_serve()
	var program := python()
	if program.is_empty():
		return
	var path := ProjectSettings.globalize_path("res://suites/websocket/peers/bomb.py")
	var before := resident_bytes()
	var bomb := start_process(program, [path, echo.url()])
	check_eq(await bomb.finished(), 0)
	check_eq(bomb.output(), "closed with 1009\n".repeat(20))
	# Each would inflate to 100 MB.
	check_lt(resident_bytes() - before, 16 << 20)


func _serve(set_up := Callable()) -> void:
	if echo != null:
		echo.free()
	echo = EchoServer.new()
	echo.before_listening = func(server: LodeWebSocketServer) -> void:
		server.permessage_deflate = true
		if set_up.is_valid():
			set_up.call(server)
	add_child(echo)


func _wait_until(clients: Array[LodeWebSocketClient], done: Callable) -> bool:
	return await wait_until(func() -> bool:
		for client in clients:
			client.poll()
		return done.call()
	)
