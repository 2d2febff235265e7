extends "res://test_case.gd"
## Admission of clients: requests, origins, and limits.

var server: LodeWebSocketServer
var connected: Array[int] = []
var clients: Array[WebSocketPeer] = []
var requests: Array[LodeWebSocketRequest] = []


func before_each() -> void:
	server = LodeWebSocketServer.new()
	server.bind_ip = "127.0.0.1"
	server.client_connected.connect(func(id: int, _protocol: String) -> void: connected.append(id))


func test_accepted_later() -> void:
	server.hold_requests = true
	server.client_request.connect(func(request: LodeWebSocketRequest) -> void: requests.append(request))
	check_eq(server.listen(0), OK)
	var client := _connect("/lobby?room=%C3%A9")
	check(await _wait_until(func() -> bool: return requests.size() == 1), "the game is asked")
	var request := requests[0]
	check_eq(request.is_pending(), true)
	check_eq(request.get_path(), "/lobby")
	check_eq(request.get_query().uri_decode(), "room=é")
	expect_error("is not a header that can be added")
	check_eq(request.accept(["Connection: close"]), ERR_INVALID_PARAMETER)
	expect_error("the status must be 400 to 599")
	check_eq(request.refuse(200), ERR_INVALID_PARAMETER)
	check_eq(request.accept(["X-Session: 7"]), OK)
	check_eq(request.is_pending(), false)
	check_eq(request.accept(), ERR_UNAVAILABLE)
	check_eq(request.refuse(), ERR_UNAVAILABLE)
	check(await _wait_until(func() -> bool: return connected.size() == 1), "it is let in")
	check_eq(server.get_peer(connected[0]).get_request().get_path(), "/lobby")


func test_refused() -> void:
	server.hold_requests = true
	check_eq(server.listen(0), OK)
	server.client_request.connect(func(request: LodeWebSocketRequest) -> void: request.refuse(429, "too many"))
	var answer := await _answer("")
	check(answer.begins_with("HTTP/1.1 429 "), answer)
	check(answer.ends_with("too many\n"), answer)


func test_unanswered_is_refused() -> void:
	server.hold_requests = true
	check_eq(server.listen(0), OK)
	var answer := await _answer("")
	check(answer.begins_with("HTTP/1.1 403 Forbidden\r\n"), answer)


func test_max_pending_requests_is_enforced() -> void:
	server.hold_requests = true
	server.max_pending_requests = 2
	server.client_request.connect(func(request: LodeWebSocketRequest) -> void: requests.append(request))
	check_eq(server.listen(0), OK)
	_connect("/")
	_connect("/")
	check(await _wait_until(func() -> bool: return requests.size() == 2), "two wait")
	var answer := await _answer("")
	check(answer.begins_with("HTTP/1.1 503 "), answer)
	# A client that leaves frees its slot.
	clients[1].close(-1)
	clients.remove_at(1)
	check(await _wait_until(func() -> bool: return not requests[1].is_pending()), "it has left")
	check_eq(requests[1].accept(), ERR_UNAVAILABLE)
	_connect("/")
	check(await _wait_until(func() -> bool: return requests.size() == 3), "another waits")


func test_origins() -> void:
	server.allowed_origins = ["https://game.example", "http://localhost:8000"]
	check_eq(server.listen(0), OK)
	for good: String in ["Origin: https://game.example", "Origin: http://localhost:8000", ""]:
		check((await _answer(good)).begins_with("HTTP/1.1 101 "), good)
	for bad: String in ["Origin: http://game.example", "Origin: https://evil.example", "Origin: null"]:
		check((await _answer(bad)).begins_with("HTTP/1.1 403 "), bad)
	server.stop()
	server.allow_missing_origin = false
	server.allow_null_origin = true
	check_eq(server.listen(0), OK)
	check((await _answer("")).begins_with("HTTP/1.1 403 "), "no origin")
	check((await _answer("Origin: null")).begins_with("HTTP/1.1 101 "), "null")
	server.stop()
	server.allowed_origins = ["game.example"]
	expect_error("allowed_origins contains \"game.example\"")
	check_eq(server.listen(0), ERR_INVALID_PARAMETER)


func test_a_full_server_rejects_clients() -> void:
	server.max_clients = 1
	check_eq(server.listen(0), OK)
	var client := _connect("/")
	check(await _wait_until(func() -> bool: return connected.size() == 1), "one comes in")
	check((await _answer("")).begins_with("HTTP/1.1 503 "), "the next does not")
	client.close()
	check(await _wait_until(func() -> bool: return server.get_peers().is_empty()), "it leaves")
	# The I/O thread is informed a little later, so a client that is still refused retries.
	var answer := ""
	for _try in 1000:
		answer = await _answer("")
		if not answer.begins_with("HTTP/1.1 503 "):
			break
	check(answer.begins_with("HTTP/1.1 101 "), "there is room again: " + answer)
	server.stop()
	server.max_clients = 0
	expect_error("max_clients must be at least 1")
	check_eq(server.listen(0), ERR_INVALID_PARAMETER)


func test_extra_headers() -> void:
	server.set_extra_headers(["Set-Cookie: id=1", "X-Server: lode"])
	expect_error("is not a header that can be added")
	server.set_extra_headers(["Sec-WebSocket-Accept: x"])
	check_eq(server.listen(0), OK)
	var answer := await _answer("")
	check(answer.contains("\r\nSet-Cookie: id=1\r\n"), answer)
	check(answer.contains("\r\nX-Server: lode\r\n"), answer)


func _connect(path: String) -> WebSocketPeer:
	var client := WebSocketPeer.new()
	client.connect_to_url("ws://127.0.0.1:%d%s" % [server.get_local_port(), path])
	clients.append(client)
	return client


func _wait_until(done: Callable) -> bool:
	return await wait_until(func() -> bool:
		for client in clients:
			client.poll()
		server.poll()
		return done.call()
	)


## The server's complete response to a request with one additional header line.
func _answer(line: String) -> String:
	var stream := StreamPeerTCP.new()
	stream.connect_to_host("127.0.0.1", server.get_local_port())
	var is_connected_now := func() -> bool:
		stream.poll()
		return stream.get_status() == StreamPeerTCP.STATUS_CONNECTED
	check(await wait_until(is_connected_now), "it connects")
	var request := "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
		+ "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	stream.put_data((request + (line + "\r\n" if line else "") + "\r\n").to_utf8_buffer())
	var answer := [""]
	var has_all := func() -> bool:
		server.poll()
		stream.poll()
		var ended := stream.get_status() != StreamPeerTCP.STATUS_CONNECTED
		if not ended and stream.get_available_bytes() > 0:
			answer[0] += stream.get_utf8_string(stream.get_available_bytes())
		return ended or answer[0].begins_with("HTTP/1.1 101 ") and answer[0].ends_with("\r\n\r\n")
	check(await wait_until(has_all), "it answers")
	return answer[0]


func test_a_rejection_is_available_to_scripts() -> void:
	# The server's action, and the status and reason that the client reads.
	var cases := {
		"refuses for a reason": [401, "This is not your lobby."],
		"refuses": [403, "Forbidden"],
		"takes nobody": [503, "the server takes no new connections"],
		"is full": [503, "the server is full"],
	}
	for what: String in cases:
		for multiplayer_mode: bool in [false, true]:
			var of := LodeWebSocketServer.new()
			of.bind_ip = "127.0.0.1"
			of.max_clients = 1
			of.hold_requests = what.begins_with("refuses")
			of.refuse_new_connections = what == "takes nobody"
			of.client_request.connect(func(request: LodeWebSocketRequest) -> void:
				if what == "refuses":
					request.refuse()
				else:
					request.refuse(401, cases[what][1])
			)
			check_eq(of.listen(0, [], multiplayer_mode), OK)
			var url := "ws://127.0.0.1:%d" % of.get_local_port()
			var first := LodeWebSocketClient.new()
			var failed := [0]
			var client := LodeWebSocketClient.new()
			client.connection_error.connect(func() -> void: failed[0] += 1)
			client.connection_failed.connect(func() -> void: failed[0] += 1)
			var pump := func(done: Callable) -> bool:
				of.poll()
				first.poll()
				client.poll()
				return done.call()
			if what == "is full":
				first.connect_to_url(url)
				check(await wait_until(pump.bind(func() -> bool: return of.get_peers().size() == 1)), "one is in")
			check_eq([client.get_error_message(), client.get_response_code()], ["", 0])
			client.connect_to_url(url, [], multiplayer_mode)
			check(await wait_until(pump.bind(func() -> bool: return failed[0] == 1)), what)
			check_eq([client.get_response_code(), client.get_response_reason()], cases[what], what)
			check_eq(client.get_error_message(), "the server refused the connection: %d %s" % cases[what])
			of.stop()
			client.connect_to_url(url, [], multiplayer_mode)
			check_eq([client.get_error_message(), client.get_response_code(), client.get_response_reason()], ["", 0, ""])
			check(await wait_until(pump.bind(func() -> bool: return failed[0] == 2)), what)
			check_eq([client.get_error_message(), client.get_response_code()], ["connection refused: no server listens at " + url.trim_prefix("ws://"), 0])
