extends "res://test_case.gd"
## LodeWebSocketClient: every method, property and signal, against our server, the engine's and foreign ones.

const EchoServer := preload("res://suites/websocket/echo_server.gd")
const SIGNALS: Array[String] = ["connection_established", "data_received", "server_close_request", "connection_closed"]

var echo: EchoServer
var client: LodeWebSocketClient
## The emitted signals, in order.
var emitted: Array[String] = []


func before_each() -> void:
	echo = EchoServer.new()
	add_child(echo)
	client = _client()


func test_defaults() -> void:
	check_eq(client.verify_ssl, true)
	check(client.trusted_ssl_certificate == null, "none")
	check_eq(client.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED)
	check_eq(client.get_connected_host(), "")
	check_eq(client.get_connected_port(), 0)
	check_eq(client.get_unique_id(), 0)
	expect_error("there is no peer 1")
	check(client.get_peer(1) == null, "nobody")
	client.poll()
	client.disconnect_from_host()
	check_eq(emitted, [] as Array[String])


func test_messages_both_ways_and_a_close() -> void:
	check_eq(client.connect_to_url(echo.url()), OK)
	check_eq(client.get_connection_status(), MultiplayerPeer.CONNECTION_CONNECTING)
	check(await _wait_until_emitted("connection_established "), "it connects")
	check_eq(client.get_connection_status(), MultiplayerPeer.CONNECTION_CONNECTED)
	check_eq(client.get_connected_host(), "127.0.0.1")
	check_eq(client.get_connected_port(), echo.port())
	var peer := client.get_peer(1)
	check_eq(client.get_peer(1), peer, "the same object each time")
	check(peer.get_request() == null, "a server has made no request")
	check_eq(peer.get_ready_state(), LodeWebSocketPeer.STATE_OPEN)
	for length: int in [0, 1, 125, 126, 65_535, 65_536, 1_000_000]:
		var bytes := PackedByteArray()
		bytes.resize(length)
		bytes.fill(9)
		emitted.clear()
		check_eq(peer.send(bytes), OK)
		check(await _wait_until_emitted("data_received"), "%d bytes come back" % length)
		check(peer.get_packet() == bytes, "%d bytes come back unchanged" % length)
	emitted.clear()
	check_eq(peer.send_text("é"), OK)
	check(await _wait_until_emitted("data_received"), "text comes back")
	check_eq(peer.get_packet().get_string_from_utf8(), "é")
	check(peer.was_string_packet(), "as text")
	emitted.clear()
	client.disconnect_from_host(4000, "done")
	check(await _wait_until_emitted("connection_closed true"), "it closes")
	check_eq(client.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED)
	check(await wait_until(func() -> bool: return not echo.clean.is_empty()), "the server sees the end")
	check_eq(echo.clean, [true] as Array[bool])
	# The same object connects again.
	check_eq(client.connect_to_url(echo.url()), OK)
	check(await _wait_until_emitted("connection_established "), "it connects again")


func test_server_closes_and_packets_stay() -> void:
	client.connect_to_url(echo.url())
	check(await _wait_until_emitted("connection_established "), "it connects")
	check(await wait_until(func() -> bool: return echo.connected.size() == 1), "the server knows")
	emitted.clear()
	var peer := echo.server.get_peer(echo.connected[0])
	peer.send_text("last")
	peer.close(4002, "enough")
	check(await _wait_until_emitted("connection_closed true"), "it is reported")
	check_eq(emitted, [
		"data_received", "server_close_request 4002 enough", "connection_closed true",
	] as Array[String])
	var server := client.get_peer(1)
	check_eq(server.get_close_code(), 4002)
	check_eq(server.get_close_reason(), "enough")
	check_eq(server.get_packet().get_string_from_utf8(), "last", "unread packets stay")
	check_eq(server.get_ready_state(), LodeWebSocketPeer.STATE_CLOSED)


func test_server_that_vanishes() -> void:
	client.connect_to_url(echo.url())
	check(await _wait_until_emitted("connection_established "), "it connects")
	check(await wait_until(func() -> bool: return echo.connected.size() == 1), "the server knows")
	echo.server.get_peer(echo.connected[0]).close(-1)
	check(await _wait_until_emitted("connection_closed false"), "it is reported")
	check_eq(client.get_peer(1).get_close_code(), -1)


func test_a_url_as_the_engine_takes_it() -> void:
	var server := LodeWebSocketServer.new()
	check_eq(server.listen(0), OK)
	var ids: Array[int] = []
	server.client_connected.connect(func(id: int, _protocol: String) -> void: ids.append(id))
	client.connect_to_url("127.0.0.1:%d/spür/a b?name=Zoë" % server.get_local_port())
	check(await wait_until(func() -> bool:
		server.poll()
		client.poll()
		return ids.size() == 1
	), "without a scheme it is ws://")
	var request := server.get_peer(ids[0]).get_request()
	check_eq(request.get_path().uri_decode(), "/spür/a b")
	check_eq(request.get_query(), "name=Zo%C3%AB")


func test_names_are_looked_up() -> void:
	client.connect_to_url("ws://localhost:%d/path" % echo.port())
	check(await _wait_until_emitted("connection_established "), "localhost is found")
	var other := _client()
	emitted.clear()
	check_eq(other.connect_to_url("ws://no-such-host.invalid"), OK)
	check_eq(other.get_connection_status(), MultiplayerPeer.CONNECTION_CONNECTING)
	check(await _wait_until_emitted("connection_error", other), "nobody has this name")
	check_eq(other.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED)


func test_port_where_nobody_listens() -> void:
	var port := echo.port()
	echo.server.stop()
	check_eq(client.connect_to_url("ws://127.0.0.1:%d" % port), OK)
	check(await _wait_until_emitted("connection_error"), "it is reported")


func test_server_that_says_nothing() -> void:
	var silent := TCPServer.new()
	silent.listen(0, "127.0.0.1")
	client.handshake_timeout = 0.2
	client.connect_to_url("ws://127.0.0.1:%d" % silent.get_local_port())
	check(await _wait_until_emitted("connection_error"), "it is reported")


func test_protocols_and_headers() -> void:
	var server := LodeWebSocketServer.new()
	server.set_extra_headers(["X-Server: lode"])
	check_eq(server.listen(0, ["b", "a"]), OK)
	var ids: Array[int] = []
	server.client_connected.connect(func(id: int, _protocol: String) -> void: ids.append(id))
	var url := "ws://127.0.0.1:%d/lobby?room=1" % server.get_local_port()
	check_eq(client.connect_to_url(url, ["x", "a", "b"], false, ["X-Token: 123", "Origin: http://here"]), OK)
	var is_connected_now := func() -> bool:
		server.poll()
		client.poll()
		return ids.size() == 1 and emitted.size() == 1
	check(await wait_until(is_connected_now), "it connects")
	check_eq(emitted, ["connection_established a"] as Array[String])
	check_eq(client.get_peer(1).get_selected_protocol(), "a")
	var request := server.get_peer(ids[0]).get_request()
	check_eq(request.get_path(), "/lobby")
	check_eq(request.get_query(), "room=1")
	check_eq(request.get_header("x-token"), "123")
	check_eq(request.get_origin(), "http://here")
	check_eq(request.get_protocols(), PackedStringArray(["x", "a", "b"]))
	check_eq(request.get_address(), "127.0.0.1")
	check_gt(request.get_port(), 0)
	check(request.get_headers().has("X-Token: 123"), "all lines are there")
	check_eq(request.is_pending(), false)
	check_eq(request.accept(), ERR_UNAVAILABLE, "it was accepted long ago")


func test_misuse() -> void:
	for case: Array in [
		["", "it has no host"], ["ws://", "it has no host"], ["http://x", "its scheme is neither ws nor wss"],
		["ws://x y/", "it is not a URL"], ["ws://x:0", "its port is not 1 to 65535"],
		["ws://x:70000", "its port is not 1 to 65535"], ["ws://me:secret@x", "it has a user or a password"],
		["ws://x/#here", "it has a fragment"], ["ws://spür.example/", "its host has letters beyond ASCII"],
	]:
		expect_error("is not a WebSocket URL: " + case[1])
		check_eq(client.connect_to_url(case[0]), ERR_INVALID_PARAMETER, case[0])
	expect_error("sub-protocol \"a\" is offered twice")
	check_eq(client.connect_to_url(echo.url(), ["a", "b", "a"]), ERR_INVALID_PARAMETER)
	expect_error("is not a valid sub-protocol")
	check_eq(client.connect_to_url(echo.url(), ["a b"]), ERR_INVALID_PARAMETER)
	for line: String in ["no colon", "Host: other", "A: b\r\nC: d", "Upgrade: x"]:
		expect_error("is not a header that can be added")
		check_eq(client.connect_to_url(echo.url(), [], false, [line]), ERR_INVALID_PARAMETER, line)
	client.deflate_window_bits = 8
	expect_error("deflate_window_bits must be 9 to 15")
	check_eq(client.connect_to_url(echo.url()), ERR_INVALID_PARAMETER)
	client.deflate_window_bits = 15
	client.handshake_timeout = 0.0
	expect_error("handshake_timeout must be more than 0")
	check_eq(client.connect_to_url(echo.url()), ERR_INVALID_PARAMETER)
	client.handshake_timeout = 3.0
	check_eq(client.set_buffers(64, 16, 64, 16), OK)
	expect_error("sizes must be 1 to")
	check_eq(client.set_buffers(0, 16, 64, 16), ERR_INVALID_PARAMETER)
	check_eq(client.connect_to_url(echo.url()), OK)
	expect_error("the client is connected, or connecting")
	check_eq(client.connect_to_url(echo.url()), ERR_ALREADY_IN_USE)
	expect_error("call it before connect_to_url")
	check_eq(client.set_buffers(64, 16, 64, 16), FAILED)
	check(await _wait_until_emitted("connection_established "), "it connects")
	expect_error("there is no peer 2")
	check(client.get_peer(2) == null, "nobody")
	expect_error("the client itself sends only with gd_mp_api")
	check_eq(client.put_packet([1]), ERR_UNCONFIGURED)
	check_eq(client.get_packet(), PackedByteArray())
	check_eq(client.get_packet_error(), ERR_UNCONFIGURED)


func test_engine_server() -> void:
	var tcp := TCPServer.new()
	tcp.listen(0, "127.0.0.1")
	client.connect_to_url("ws://127.0.0.1:%d" % tcp.get_local_port())
	check(await wait_until(tcp.is_connection_available), "it dials")
	var peer := WebSocketPeer.new()
	peer.accept_stream(tcp.take_connection())
	var poll := func(done: Callable) -> bool:
		peer.poll()
		client.poll()
		return done.call()
	check(await wait_until(poll.bind(func() -> bool: return emitted.size() == 1)), "it connects")
	client.get_peer(1).put_packet([1, 2, 3])
	check(await wait_until(poll.bind(func() -> bool: return peer.get_available_packet_count() == 1)), "it arrives")
	check_eq(peer.get_packet(), PackedByteArray([1, 2, 3]))
	peer.send_text("hello")
	check(await wait_until(poll.bind(func() -> bool: return emitted.size() == 2)), "the answer arrives")
	check_eq(client.get_peer(1).get_packet().get_string_from_utf8(), "hello")
	peer.close(4005, "bye")
	check(await wait_until(poll.bind(func() -> bool: return emitted.size() == 4)), "the end is reported")
	check_eq(emitted.slice(2), ["server_close_request 4005 bye", "connection_closed true"] as Array[String])


func test_foreign_servers() -> void:
	for script: String in ["echo_server.py", "echo_server.js"]:
		var program := python() if script.ends_with("py") else node()
		if program.is_empty():
			return
		var path := ProjectSettings.globalize_path("res://suites/websocket/peers/" + script)
		var process := start_process(program, [path])
		if not check(await wait_until(func() -> bool: return process.output().ends_with("\n")), script):
			continue
		var port := process.output().get_slice("\n", 0)
		for deflate: bool in [false, true]:
			client = _client()
			emitted.clear()
			client.permessage_deflate = deflate
			client.connect_to_url("ws://127.0.0.1:" + port)
			check(await _wait_until_emitted("connection_established "), script)
			var peer := client.get_peer(1)
			for length: int in [0, 1, 255, 256, 70_000, 1_000_000]:
				emitted.clear()
				peer.send_text("é".repeat(length / 2))
				check(await _wait_until_emitted("data_received"), "%d from %s" % [length, script])
				check(peer.get_packet().get_string_from_utf8() == "é".repeat(length / 2), "unchanged")
			client.disconnect_from_host()
			check(await _wait_until_emitted("connection_closed true"), script)


func test_closing_while_connecting() -> void:
	client.connect_to_url(echo.url())
	client.disconnect_from_host()
	check_eq(client.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED)
	client.connect_to_url("ws://localhost:%d" % echo.port())
	client.disconnect_from_host()
	client.poll()
	check_eq(emitted, [] as Array[String])


func test_handlers_may_drop_the_client() -> void:
	for of_signal in SIGNALS:
		client = _client()
		emitted.clear()
		var gone: WeakRef = weakref(client)
		client.connect(of_signal, func(_a: Variant = null, _b: Variant = null) -> void: client = null)
		client.connect_to_url(echo.url())
		var count := echo.connected.size()
		var sent := false
		var end := Time.get_ticks_msec() + int(HANG_TIMEOUT * 1000.0)
		while client != null and Time.get_ticks_msec() < end:
			client.poll()
			if echo.connected.size() > count and not sent:
				sent = true
				var peer := echo.server.get_peer(echo.connected[count])
				peer.send_text("hello")
				peer.close(4000, "bye")
			await wait_frames(1)
		await wait_frames(2)
		check(client == null, of_signal)
		check(gone.get_ref() == null, "it is freed in " + of_signal)


func _client() -> LodeWebSocketClient:
	var made := LodeWebSocketClient.new()
	made.connection_established.connect(func(protocol: String) -> void: emitted.append("connection_established " + protocol))
	made.connection_closed.connect(func(clean: bool) -> void: emitted.append("connection_closed %s" % clean))
	made.connection_error.connect(func() -> void: emitted.append("connection_error"))
	made.data_received.connect(func() -> void: emitted.append("data_received"))
	made.server_close_request.connect(
		func(code: int, reason: String) -> void: emitted.append("server_close_request %d %s" % [code, reason])
	)
	return made


func _wait_until_emitted(what: String, of: LodeWebSocketClient = client) -> bool:
	return await wait_until(func() -> bool:
		of.poll()
		return emitted.has(what)
	)
