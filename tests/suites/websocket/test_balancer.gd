extends "res://test_case.gd"
## The headers of load balancers, and the health check. servers/test_balancers has the real programs.

const REQUEST := "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

var server: LodeWebSocketServer
var connected: Array[int] = []


func before_each() -> void:
	server = LodeWebSocketServer.new()
	server.bind_ip = "127.0.0.1"
	server.client_connected.connect(func(id: int, _protocol: String) -> void: connected.append(id))


func after_each() -> void:
	server.stop()


func test_defaults() -> void:
	check_eq(server.proxy_header, LodeWebSocketServer.PROXY_HEADER_NONE)
	check_eq(server.trusted_proxies, PackedStringArray())
	check_eq(server.health_path, "")
	check_eq(server.health_timeout, 60.0)
	check_eq(server.draining, false)
	check_eq(server.reuse_port, false)


func test_invalid_properties_are_rejected() -> void:
	server.proxy_header = LodeWebSocketServer.PROXY_HEADER_PROXY_PROTOCOL
	expect_error("proxy_header requires trusted_proxies")
	check_eq(server.listen(0), ERR_INVALID_PARAMETER)
	server.trusted_proxies = ["proxy.example"]
	expect_error("trusted_proxies contains \"proxy.example\". Use an IP address, or a network such as 10.0.0.0/8.")
	check_eq(server.listen(0), ERR_INVALID_PARAMETER)
	server.trusted_proxies = ["10.0.0.0/8", "::1"]
	server.health_path = "health"
	expect_error("health_path \"health\" is not a path")
	check_eq(server.listen(0), ERR_INVALID_PARAMETER)
	server.health_path = "/health"
	server.health_timeout = -1.0
	expect_error("health_timeout must be 0 or more seconds")
	check_eq(server.listen(0), ERR_INVALID_PARAMETER)
	server.health_timeout = 0.0
	check_eq(server.listen(0), OK)
	expect_error("proxy_header can only be set before listen()")
	server.proxy_header = LodeWebSocketServer.PROXY_HEADER_NONE
	check_eq(server.proxy_header, LodeWebSocketServer.PROXY_HEADER_PROXY_PROTOCOL)


func test_the_proxy_protocol() -> void:
	server.proxy_header = LodeWebSocketServer.PROXY_HEADER_PROXY_PROTOCOL
	server.trusted_proxies = ["127.0.0.0/8"]
	check_eq(server.listen(0), OK)
	var answer := await _answer("PROXY TCP4 9.9.9.9 10.0.0.1 4000 80\r\n" + REQUEST + "\r\n")
	check(answer.begins_with("HTTP/1.1 101 "), answer)
	if check_eq(connected.size(), 1):
		check_eq(server.get_peer_address(connected[0]), "9.9.9.9")
		check_eq(server.get_peer_port(connected[0]), 4000)
	check_eq(await _answer(REQUEST + "\r\n"), "", "without the header")


## The header comes before TLS.
func test_the_proxy_protocol_with_wss() -> void:
	server.proxy_header = LodeWebSocketServer.PROXY_HEADER_PROXY_PROTOCOL
	server.trusted_proxies = ["127.0.0.1"]
	server.private_key = load("res://suites/websocket/keys/rsa_pkcs1.key")
	server.ssl_certificate = load("res://suites/websocket/keys/rsa.crt")
	check_eq(server.listen(0), OK)
	var stream := StreamPeerTCP.new()
	stream.connect_to_host("127.0.0.1", server.get_local_port())
	check(await wait_until(func() -> bool:
		stream.poll()
		return stream.get_status() == StreamPeerTCP.STATUS_CONNECTED), "connected")
	stream.put_data("PROXY TCP6 2001:db8::9 2001:db8::1 4000 443\r\n".to_utf8_buffer())
	var tls := StreamPeerTLS.new()
	check_eq(tls.connect_to_stream(stream, "localhost", TLSOptions.client_unsafe()), OK)
	var state := {sent = false}
	check(await wait_until(func() -> bool:
		server.poll()
		tls.poll()
		if tls.get_status() == StreamPeerTLS.STATUS_CONNECTED and not state.sent:
			state.sent = true
			tls.put_data((REQUEST + "\r\n").to_utf8_buffer())
		return connected.size() == 1), "it is let in")
	if connected.size() == 1:
		check_eq(server.get_peer_address(connected[0]), "2001:db8::9")


func test_x_forwarded_for() -> void:
	server.proxy_header = LodeWebSocketServer.PROXY_HEADER_X_FORWARDED_FOR
	server.trusted_proxies = ["127.0.0.1"]
	check_eq(server.listen(0), OK)
	var answer := await _answer(REQUEST + "X-Forwarded-For: 6.6.6.6, 9.9.9.9\r\n\r\n")
	check(answer.begins_with("HTTP/1.1 101 "), answer)
	if check_eq(connected.size(), 1):
		check_eq(server.get_peer_address(connected[0]), "9.9.9.9")
	check((await _answer(REQUEST + "\r\n")).begins_with("HTTP/1.1 400 "), "without the header")


func test_health() -> void:
	server.health_path = "/health"
	check_eq(server.listen(0), OK)
	check_eq(await _health(), "HTTP/1.1 200 OK")
	server.draining = true
	check_eq(await _health(), "HTTP/1.1 503 Service Unavailable")
	check((await _answer(REQUEST + "\r\n")).begins_with("HTTP/1.1 101 "), "who comes is taken all the same")
	server.draining = false
	check_eq(await _health(), "HTTP/1.1 200 OK")
	server.refuse_new_connections = true
	check_eq(await _health(), "HTTP/1.1 503 Service Unavailable")


func test_draining_can_be_set_before_listen() -> void:
	server.health_path = "/health"
	server.draining = true
	check_eq(server.listen(0), OK)
	check_eq(await _health(), "HTTP/1.1 503 Service Unavailable")


func test_reuse_port() -> void:
	if OS.get_name() == "Windows":
		skip("Windows deals no connections out")
		return
	server.reuse_port = true
	check_eq(server.listen(0), OK)
	var other := LodeWebSocketServer.new()
	other.bind_ip = "127.0.0.1"
	other.reuse_port = true
	check_eq(other.listen(server.get_local_port()), OK)
	var counts := [0, 0]
	server.client_connected.connect(func(_id: int, _protocol: String) -> void: counts[0] += 1)
	other.client_connected.connect(func(_id: int, _protocol: String) -> void: counts[1] += 1)
	var clients: Array[WebSocketPeer] = []
	for _client in 64:
		var client := WebSocketPeer.new()
		client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port())
		clients.append(client)
	check(await wait_until(func() -> bool:
		server.poll()
		other.poll()
		clients.map(func(client: WebSocketPeer) -> void: client.poll())
		return counts[0] + counts[1] == 64), str(counts))
	check(counts[0] > 8 and counts[1] > 8, "both have some: %s" % [counts])
	other.stop()


func _health() -> String:
	return (await _answer("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")).get_slice("\r\n", 0)


## The server's response to some bytes, up to the end of its header section or of the connection.
func _answer(sent: String) -> String:
	var stream := StreamPeerTCP.new()
	stream.connect_to_host("127.0.0.1", server.get_local_port())
	var reported := PackedByteArray()
	var state := {sent = false}
	await wait_until(func() -> bool:
		server.poll()
		stream.poll()
		if stream.get_status() == StreamPeerTCP.STATUS_CONNECTED:
			if not state.sent:
				stream.put_data(sent.to_utf8_buffer())
				state.sent = true
			if stream.get_available_bytes() > 0:
				reported.append_array(stream.get_data(stream.get_available_bytes())[1])
		var over := stream.get_status() in [StreamPeerTCP.STATUS_NONE, StreamPeerTCP.STATUS_ERROR]
		return over or reported.get_string_from_utf8().contains("\r\n\r\n"))
	# The game gets the event with a poll.
	await wait_frames(2)
	server.poll()
	return reported.get_string_from_utf8()
