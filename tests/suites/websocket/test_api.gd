extends "res://test_case.gd"
## Every method and property, and the errors for misuse.

const Properties := preload("res://properties.gd")

var server: LodeWebSocketServer
var client: WebSocketPeer
## The id of the client.
var id := 0
var ended: Array[bool] = []


func before_each() -> void:
	server = LodeWebSocketServer.new()
	server.bind_ip = "127.0.0.1"
	server.client_connected.connect(func(new_id: int, _protocol: String) -> void: id = new_id)
	server.client_disconnected.connect(func(_id: int, clean: bool) -> void: ended.append(clean))
	client = WebSocketPeer.new()


func test_status_follows_the_server() -> void:
	var base: MultiplayerPeer = server
	check(not server.is_listening(), "a new server does not listen")
	check_eq(server.get_local_port(), 0)
	check_eq(base.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED)
	check_eq(server.listen(0), OK)
	var port := server.get_local_port()
	check_gt(port, 0)
	check(server.is_listening(), "it listens")
	check_eq(base.get_connection_status(), MultiplayerPeer.CONNECTION_CONNECTED)
	check_eq(base.get_unique_id(), 1)
	server.stop()
	check(not server.is_listening(), "it has stopped")
	check_eq(server.get_local_port(), 0)
	check_eq(server.listen(port), OK, "the port is free at once")
	server.stop()
	server.stop()
	check_eq(base.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED)


func test_bad_ports() -> void:
	for port: int in [-1, 65_536, 1 << 20]:
		expect_error("invalid port %d" % port)
		check_eq(server.listen(port), ERR_INVALID_PARAMETER)
	check(not server.is_listening(), "it does not listen")


func test_port_in_use() -> void:
	check_eq(server.listen(0), OK)
	var other := LodeWebSocketServer.new()
	other.bind_ip = "127.0.0.1"
	expect_error("the port is in use")
	check_eq(other.listen(server.get_local_port()), ERR_ALREADY_IN_USE)
	expect_error("is already listening")
	check_eq(server.listen(0), ERR_ALREADY_IN_USE)
	check(server.is_listening(), "the first goes on")


func test_bind_ip() -> void:
	check_eq(LodeWebSocketServer.new().bind_ip, "*")
	for bad: String in ["localhost", "", "256.0.0.1", "[::1]", "127.0.0.1 ", "127.0.0.1:80"]:
		server.bind_ip = bad
		expect_error("is not an IP address")
		check_eq(server.listen(0), ERR_INVALID_PARAMETER, bad)
	server.bind_ip = "192.0.2.1"
	expect_error("of 192.0.2.1: no interface of this machine has the address")
	check_eq(server.listen(0), ERR_UNAVAILABLE)
	server.bind_ip = "*"
	if await _connect():
		check_eq(server.get_peer_address(id), "127.0.0.1", "IPv4 is written as IPv4")
	expect_error("bind_ip can only be set before listen()")
	server.bind_ip = "127.0.0.1"
	check_eq(server.bind_ip, "*")


## A setting that listen() has read would have no effect, so it keeps its value.
func test_settings_do_not_change_while_the_server_listens() -> void:
	# These can be changed at any time.
	var changeable: Array[StringName] = [&"handshake_timeout", &"draining"]
	check_eq(server.listen(0), OK)
	for property in Properties.of_class(&"LodeWebSocketServer"):
		var property_name: StringName = property["name"]
		if property_name in changeable:
			continue
		var before: Variant = server.get(property_name)
		expect_error("LodeWebSocketServer.%s can only be set before listen()" % property_name)
		server.set(property_name, Properties.other_value(property, before))
		check_eq(server.get(property_name), before, property_name)


func test_bind_ip_tells_who_can_connect() -> void:
	if OS.get_name() != "Linux":
		skip("only Linux has all of 127.0.0.0/8")
		return
	if not await _connect():
		return
	var all := LodeWebSocketServer.new()
	expect_error("the port is in use")
	check_eq(all.listen(server.get_local_port()), ERR_ALREADY_IN_USE, "* wants this address too")
	client = WebSocketPeer.new()
	client.connect_to_url("ws://127.0.0.2:%d" % server.get_local_port())
	var is_closed := func() -> bool: return _poll() and client.get_ready_state() == WebSocketPeer.STATE_CLOSED
	check(await wait_until(is_closed), "another address is not served")
	server.stop()
	server.bind_ip = "*"
	client = WebSocketPeer.new()
	if await _connect([], "127.0.0.2"):
		check_gt(server.get_peer_port(id), 0)


func test_setters_and_getters() -> void:
	var key := CryptoKey.new()
	var certificate := X509Certificate.new()
	var chain := X509Certificate.new()
	server.set_bind_ip("::1")
	check_eq(server.get_bind_ip(), "::1")
	server.set_handshake_timeout(1.5)
	check_eq(server.get_handshake_timeout(), 1.5)
	server.set_private_key(key)
	check(server.get_private_key() == key, "private_key")
	server.set_ssl_certificate(certificate)
	check(server.get_ssl_certificate() == certificate, "ssl_certificate")
	server.set_ca_chain(chain)
	check(server.get_ca_chain() == chain, "ca_chain")
	check_eq([server.bind_ip, server.handshake_timeout], ["::1", 1.5])
	check_eq([server.private_key, server.ssl_certificate, server.ca_chain], [key, certificate, chain])
	server.set_private_key(null)
	server.set_ssl_certificate(null)
	server.set_ca_chain(null)
	server.set_bind_ip("127.0.0.1")
	check_eq(server.listen(0), OK)
	expect_error("bind_ip can only be set before listen()")
	server.set_bind_ip("*")
	expect_error("private_key can only be set before listen()")
	server.set_private_key(key)
	expect_error("ssl_certificate can only be set before listen()")
	server.set_ssl_certificate(certificate)
	expect_error("ca_chain can only be set before listen()")
	server.set_ca_chain(chain)
	check_eq(server.get_bind_ip(), "127.0.0.1")
	check(server.get_private_key() == null, "private_key stays empty")
	check(server.get_ssl_certificate() == null, "ssl_certificate stays empty")
	check(server.get_ca_chain() == null, "ca_chain stays empty")
	server.set_handshake_timeout(2.5)
	check_eq(server.get_handshake_timeout(), 2.5, "this one may change at any time")
	expect_error("is not more than 0 seconds")
	server.set_handshake_timeout(0.0)
	check_eq(server.get_handshake_timeout(), 2.5)


func test_stop_with_a_client() -> void:
	var requests := [0]
	server.client_close_request.connect(func(_id: int, _code: int, _reason: String) -> void: requests[0] += 1)
	if not await _connect():
		return
	var peer := server.get_peer(id)
	client.send_text("unread")
	check(await wait_until(func() -> bool: return _poll() and peer.get_available_packet_count() == 1), "it arrives")
	var port := server.get_local_port()
	server.stop()
	check_eq(server.listen(port), OK, "the port is free at once")
	check(not server.has_peer(id), "the peer is not the new server's")
	check_eq(peer.get_ready_state(), LodeWebSocketPeer.STATE_CLOSED)
	check_eq(peer.send_text("late"), FAILED)
	check_eq(peer.get_packet().get_string_from_utf8(), "unread")
	var is_closed := func() -> bool: return _poll() and client.get_ready_state() == WebSocketPeer.STATE_CLOSED
	check(await wait_until(is_closed), "the client sees it")
	check_eq(client.get_close_code(), 1000)
	check_eq([requests[0], ended.size()], [0, 0], "no signal tells of it")
	var base: MultiplayerPeer = server
	base.close()
	check(not server.is_listening(), "close() of a MultiplayerPeer is stop()")


func test_server_itself_carries_no_packets() -> void:
	var base: MultiplayerPeer = server
	for listening: bool in [false, true]:
		if listening:
			check_eq(server.listen(0), OK)
		var why := "the server itself sends only with gd_mp_api" if listening else "the server is not listening"
		expect_error(why)
		check_eq(base.put_packet([1] as PackedByteArray), ERR_UNCONFIGURED)
		expect_error(why)
		check_eq(base.put_var("x"), ERR_UNCONFIGURED)
		check_eq(base.get_packet(), PackedByteArray())
		check_eq(base.get_packet_error(), ERR_UNCONFIGURED)
		check_eq(base.get_available_packet_count(), 0)
		check_eq([base.get_packet_peer(), base.get_packet_channel()], [0, 0])
		check_eq(base.get_packet_mode(), MultiplayerPeer.TRANSFER_MODE_RELIABLE)
	check_eq(base.transfer_mode, MultiplayerPeer.TRANSFER_MODE_RELIABLE)
	base.transfer_mode = MultiplayerPeer.TRANSFER_MODE_UNRELIABLE
	check_eq(base.transfer_mode, MultiplayerPeer.TRANSFER_MODE_UNRELIABLE)
	check_eq(base.transfer_channel, 0)
	base.transfer_channel = 3
	check_eq(base.transfer_channel, 3)
	base.set_target_peer(5)
	check_eq(base.get_unique_id(), 1)


func test_keys_and_certificates() -> void:
	var crypto := Crypto.new()
	var key := crypto.generate_rsa(2048)
	var certificate := crypto.generate_self_signed_certificate(key, "CN=localhost")
	var server := LodeWebSocketServer.new()
	server.private_key = key
	expect_error("wss:// requires both")
	check_eq(server.listen(0), ERR_INVALID_PARAMETER, "a key alone")
	server.private_key = null
	server.ssl_certificate = certificate
	expect_error("wss:// requires both")
	check_eq(server.listen(0), ERR_INVALID_PARAMETER, "a certificate alone")
	server.private_key = crypto.generate_rsa(2048)
	expect_error("private_key does not belong to ssl_certificate")
	check_eq(server.listen(0), ERR_INVALID_PARAMETER, "a pair that is none")
	server.private_key = CryptoKey.new()
	expect_error("private_key is empty, or contains only a public key")
	check_eq(server.listen(0), ERR_INVALID_PARAMETER, "a key that is empty")
	server.private_key = key
	server.ca_chain = certificate
	check_eq(server.listen(0), OK)
	server.stop()


func test_the_error_for_an_unusable_key_states_its_kind() -> void:
	var certificate := X509Certificate.new()
	certificate.load("res://suites/websocket/keys/ec.crt")
	for case: Array in [
		["encrypted_pkcs8.key", "private_key is encrypted"],
		["encrypted_pkcs1.key", "private_key is encrypted"],
		["ed25519.key", "private_key is an Ed25519 or Ed448 key"],
	]:
		expect_error("Error parsing key")
		server.private_key = load("res://suites/websocket/keys/" + case[0])
		server.ssl_certificate = certificate
		expect_error(case[1])
		check_eq(server.listen(0), ERR_INVALID_PARAMETER, case[0])
		var dtls := LodeDTLSServer.new()
		expect_error(case[1].replace("private_key", "the private key"))
		check_eq(dtls.setup(TLSOptions.server(server.private_key, certificate)), ERR_INVALID_PARAMETER, case[0])
	var key := Crypto.new().generate_rsa(2048)
	key.save("user://public.pub", true)
	server.private_key = CryptoKey.new()
	server.private_key.load("user://public.pub", true)
	DirAccess.remove_absolute("user://public.pub")
	expect_error("private_key is empty, or contains only a public key")
	check_eq(server.listen(0), ERR_INVALID_PARAMETER, "a public key")


func test_handshake_timeout() -> void:
	check_eq(server.handshake_timeout, 3.0)
	server.handshake_timeout = 0.5
	for bad: float in [0.0, -1.0, NAN, INF]:
		expect_error("is not more than 0 seconds")
		server.handshake_timeout = bad
	check_eq(server.handshake_timeout, 0.5)


func test_unknown_peers() -> void:
	for listening: bool in [false, true]:
		if listening:
			check_eq(server.listen(0), OK)
		for unknown: int in [0, 1, 77, -5]:
			check(not server.has_peer(unknown), "there is no peer")
			expect_error("get_peer: there is no peer")
			check(server.get_peer(unknown) == null, "null")
			expect_error("get_peer_address: there is no peer")
			check_eq(server.get_peer_address(unknown), "")
			expect_error("get_peer_port: there is no peer")
			check_eq(server.get_peer_port(unknown), 0)
			expect_error("disconnect_peer: there is no peer")
			server.disconnect_peer(unknown)
			expect_error("disconnect_peer: there is no peer")
			(server as MultiplayerPeer).disconnect_peer(unknown)


func test_protocols() -> void:
	for bad: String in ["a b", "a\r\nX-Injected: yes", "a,b", "", "é"]:
		expect_error("is not a valid sub-protocol")
		check_eq(server.listen(0, [bad]), ERR_INVALID_PARAMETER, bad)
	check(not server.is_listening(), "it does not listen")
	var reported := [""]
	server.client_connected.connect(func(_id: int, protocol: String) -> void: reported[0] = protocol)
	client.supported_protocols = ["x", "second", "first"]
	if await _connect(["first", "second"]):
		check_eq(reported[0], "second", "the client's order counts")
		check_eq(server.get_peer(id).get_selected_protocol(), "second")
		check_eq(client.get_selected_protocol(), "second")


func test_line_ends_around_a_protocol() -> void:
	for bad: String in ["a\r\n", "\r\na", "a\n", "\ra"]:
		expect_error("is not a valid sub-protocol")
		check_eq(server.listen(0, [bad]), ERR_INVALID_PARAMETER, bad.c_escape())
		server.stop()


func test_peer() -> void:
	if not await _connect():
		return
	check(server.has_peer(id), "it is there")
	var peer := server.get_peer(id)
	check(peer == server.get_peer(id), "the same object each time")
	check_eq(peer.get_connected_host(), "127.0.0.1")
	check_eq(peer.get_connected_host(), server.get_peer_address(id))
	check_gt(peer.get_connected_port(), 0)
	check_eq(peer.get_connected_port(), server.get_peer_port(id))
	check_eq(peer.get_selected_protocol(), "")
	check_eq(peer.get_ready_state(), LodeWebSocketPeer.STATE_OPEN)
	check(peer.is_connected_to_host(), "it is connected")
	check_eq(peer.get_close_code(), -1)
	check_eq(peer.get_close_reason(), "")
	peer.set_no_delay(false)
	peer.set_no_delay(true)
	check_eq(peer.get_write_mode(), LodeWebSocketPeer.WRITE_MODE_BINARY)
	check_eq(peer.get_available_packet_count(), 0)

	check_eq(peer.put_packet("bytes".to_utf8_buffer()), OK)
	check(await _client_gets("bytes", false), "bytes arrive")
	peer.set_write_mode(LodeWebSocketPeer.WRITE_MODE_TEXT)
	check_eq(peer.get_write_mode(), LodeWebSocketPeer.WRITE_MODE_TEXT)
	check_eq(peer.put_packet("text".to_utf8_buffer()), OK)
	check(await _client_gets("text", true), "text arrives")
	check_eq(peer.send_text("more"), OK)
	check(await _client_gets("more", true), "text arrives")
	check_eq(peer.send("last".to_utf8_buffer(), LodeWebSocketPeer.WRITE_MODE_BINARY), OK)
	check(await _client_gets("last", false), "bytes arrive")
	peer.set_write_mode(LodeWebSocketPeer.WRITE_MODE_BINARY)
	# Not with put_packet: the engine does not pass empty packets to the class.
	check_eq(peer.send(PackedByteArray()), OK)
	check(await _client_gets("", false), "an empty packet arrives")
	check_eq(peer.send_text(""), OK)
	check(await _client_gets("", true), "an empty text arrives")
	check_eq(peer.put_var({ "y": Vector3(1, 2, 3) }), OK)
	check(await wait_until(func() -> bool: return _poll() and client.get_available_packet_count() == 1), "a value arrives")
	check_eq(client.get_var(), { "y": Vector3(1, 2, 3) })
	check(await wait_until(func() -> bool: return peer.get_current_outbound_buffered_amount() == 0), "all is sent")

	client.send_text("hello")
	client.send(var_to_bytes({ "x": Vector2(1, 2) }))
	check(await wait_until(func() -> bool: return _poll() and peer.get_available_packet_count() == 2), "both arrive")
	check_eq(peer.get_packet().get_string_from_utf8(), "hello")
	check(peer.was_string_packet(), "the first is text")
	check_eq(peer.get_var(), { "x": Vector2(1, 2) })
	check(not peer.was_string_packet(), "the second is not")
	check_eq(peer.get_packet(), PackedByteArray(), "no more")
	check_eq(peer.get_packet_error(), ERR_UNAVAILABLE)


func test_what_a_peer_refuses() -> void:
	if not await _connect():
		return
	var peer := server.get_peer(id)
	peer.set_write_mode(LodeWebSocketPeer.WRITE_MODE_TEXT)
	expect_error("LodeWebSocketPeer.put_packet: text must be UTF-8")
	check_eq(peer.put_packet([0xFF, 0xFE] as PackedByteArray), ERR_INVALID_DATA)
	peer.set_write_mode(LodeWebSocketPeer.WRITE_MODE_BINARY)
	expect_error("LodeWebSocketPeer.send: text must be UTF-8")
	check_eq(peer.send([0xC3, 0x28] as PackedByteArray, LodeWebSocketPeer.WRITE_MODE_TEXT), ERR_INVALID_DATA)
	var too_much := PackedByteArray()
	too_much.resize(2 << 20)
	check_eq(peer.send(too_much), ERR_OUT_OF_MEMORY)
	expect_error("the server itself sends only with gd_mp_api")
	check_eq((server as PacketPeer).put_packet([1] as PackedByteArray), ERR_UNCONFIGURED)
	check_eq((server as PacketPeer).get_available_packet_count(), 0)
	check_eq(peer.get_ready_state(), LodeWebSocketPeer.STATE_OPEN, "none of it is the end")
	check_eq(peer.send_text("I am here"), OK)
	check(await _client_gets("I am here", true), "it goes on")


func test_disconnect_peer_closes_despite_invalid_arguments() -> void:
	# The requested code and reason, and those that the client gets.
	for case: Array in [
		[999, "", 1000, ""], [1005, "", 1000, ""], [1006, "", 1000, ""], [1015, "", 1000, ""], [2000, "", 1000, ""],
		[5000, "why", 1000, "why"], [70_000, "", 1000, ""],
		[4001, "x".repeat(124), 4001, "x".repeat(123)], [4001, "é".repeat(62), 4001, "é".repeat(61)],
		[4001, "x" + "😀".repeat(31), 4001, "x" + "😀".repeat(30)], [4001, "a\r\nb", 4001, "a\r\nb"],
	]:
		for through_the_peer: bool in [false, true]:
			server.stop()
			ended.clear()
			client = WebSocketPeer.new()
			if not await _connect():
				return
			if case[0] != case[2]:
				expect_error("%s: %d is not a close code that may be sent" % [
					"LodeWebSocketPeer.close" if through_the_peer else "LodeWebSocketServer.disconnect_peer", case[0],
				])
			if through_the_peer:
				server.get_peer(id).close(case[0], case[1])
			else:
				server.disconnect_peer(id, case[0], case[1])
			check(await wait_until(func() -> bool: return _poll() and ended.size() == 1), str(case))
			check_eq([client.get_close_code(), client.get_close_reason()], case.slice(2))


func test_disconnect_peer_accepts_the_force_argument() -> void:
	# Through an untyped variable our method is called, whose second argument is a code.
	var untyped: Variant = server
	if not await _connect():
		return
	untyped.disconnect_peer(id, true)
	check(not server.has_peer(id), "by force it is gone at once")
	var is_closed := func() -> bool: return _poll() and client.get_ready_state() == WebSocketPeer.STATE_CLOSED
	check(await wait_until(is_closed), "the client sees it")
	check_eq(client.get_close_code(), 1000, "and hears of it")
	check_eq(ended.size(), 0, "without a signal")
	server.stop()
	client = WebSocketPeer.new()
	if not await _connect():
		return
	untyped.disconnect_peer(id, false)
	check(await wait_until(func() -> bool: return _poll() and ended.size() == 1), "it ends")
	check_eq(client.get_close_code(), 1000)


func test_buffers() -> void:
	for bad: Array in [[0, 1, 1, 1], [1, 0, 1, 1], [1, 1, -1, 1], [1, 1, 1, 0], [(1 << 20) + 1, 1, 1, 1]]:
		expect_error("set_buffers: sizes must be 1 to")
		check_eq(server.callv("set_buffers", bad), ERR_INVALID_PARAMETER)
	check_eq(server.set_buffers(8, 4, 2, 16), OK)
	if not await _connect():
		return
	expect_error("set_buffers can only be set before listen()")
	check_eq(server.set_buffers(64, 1024, 64, 1024), FAILED)
	var peer := server.get_peer(id)
	var bytes := PackedByteArray()
	bytes.resize(2048)
	check_eq(peer.send(bytes), ERR_OUT_OF_MEMORY, "with its header it is over 2 KiB")
	check_eq(peer.send(bytes.slice(0, 2000)), OK)
	for index in 10:
		client.send_text(str(index))
	check(await wait_until(func() -> bool: return _poll() and peer.get_available_packet_count() >= 4), "they come")
	await wait_frames(10)
	_poll()
	check_eq(peer.get_available_packet_count(), 4, "no more than the limit waits")
	for index in 10:
		var next := func() -> bool: return _poll() and peer.get_available_packet_count() > 0
		if not check(await wait_until(next), "packet %d comes when there is room" % index):
			return
		check_eq(peer.get_packet().get_string_from_utf8(), str(index))


func test_close_of_the_server() -> void:
	if not await _connect():
		return
	var peer := server.get_peer(id)
	peer.close(4001, "é".repeat(61))
	check_eq(peer.get_ready_state(), LodeWebSocketPeer.STATE_CLOSING)
	check(peer.is_connected_to_host(), "until the client has answered")
	check_eq(peer.send_text("late"), FAILED)
	check(await wait_until(func() -> bool: return _poll() and ended.size() == 1), "it ends")
	check_eq(ended, [true] as Array[bool])
	check_eq(client.get_close_code(), 4001)
	check_eq(client.get_close_reason(), "é".repeat(61))
	check_eq(peer.get_ready_state(), LodeWebSocketPeer.STATE_CLOSED)
	check_eq(peer.get_close_code(), 4001)
	check(not server.has_peer(id), "it is gone")


func test_close_of_the_client() -> void:
	if not await _connect():
		return
	var peer := server.get_peer(id)
	client.send_text("unread")
	client.close(4002, "my reason")
	check(await wait_until(func() -> bool: return _poll() and ended.size() == 1), "it ends")
	check_eq(ended, [true] as Array[bool])
	check_eq(peer.get_close_code(), 4002)
	check_eq(peer.get_close_reason(), "my reason")
	check(not server.has_peer(id), "it is gone")
	check_eq(peer.get_available_packet_count(), 1, "what was not read stays")
	check_eq(peer.get_packet().get_string_from_utf8(), "unread")
	check_eq(peer.send_text("late"), FAILED)
	peer.close()
	check_eq(peer.get_close_code(), 4002, "a close after the end changes nothing")


func test_negative_code_drops_at_once() -> void:
	if not await _connect():
		return
	server.disconnect_peer(id, -1)
	check(await wait_until(func() -> bool: return _poll() and ended.size() == 1), "it ends")
	check_eq(ended, [false] as Array[bool])
	var is_closed := func() -> bool: return _poll() and client.get_ready_state() == WebSocketPeer.STATE_CLOSED
	check(await wait_until(is_closed), "the client sees it")
	check_eq(client.get_close_code(), -1)
	server.stop()
	client = WebSocketPeer.new()
	if not await _connect():
		return
	var peer := server.get_peer(id)
	peer.close(-1, "no one is informed")
	check(await wait_until(func() -> bool: return _poll() and ended.size() == 2), "it ends")
	check_eq(ended[1], false)
	check_eq(peer.get_ready_state(), LodeWebSocketPeer.STATE_CLOSED)
	check_eq(peer.get_close_code(), -1, "as the engine's class has it")
	check_eq(peer.get_close_reason(), "")


func test_negative_code_ends_the_peer_before_the_next_poll() -> void:
	if not await _connect():
		return
	var peer := server.get_peer(id)
	peer.close(-1)
	check_ne(peer.get_ready_state(), LodeWebSocketPeer.STATE_OPEN)
	check_eq(peer.send_text("late"), FAILED, "what cannot arrive is not taken")


func test_multiplayer_peer_disconnects_through_the_virtual_method() -> void:
	var base: MultiplayerPeer = server
	if not await _connect():
		return
	base.disconnect_peer(id)
	check(await wait_until(func() -> bool: return _poll() and ended.size() == 1), "it ends")
	check_eq(ended, [true] as Array[bool])
	check_eq(client.get_close_code(), 1000)
	client = WebSocketPeer.new()
	server.stop()
	if not await _connect():
		return
	var peer := server.get_peer(id)
	base.disconnect_peer(id, true)
	check(not server.has_peer(id), "by force it is gone at once")
	check_eq(peer.get_ready_state(), LodeWebSocketPeer.STATE_CLOSED)
	var is_closed := func() -> bool: return _poll() and client.get_ready_state() == WebSocketPeer.STATE_CLOSED
	check(await wait_until(is_closed), "the client sees it")
	check_eq(ended.size(), 1, "without a signal")


func test_refusing_new_connections() -> void:
	server.refuse_new_connections = true
	check_eq(server.listen(0), OK)
	client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port())
	expect_error("Invalid status code. Got: '503'")
	expect_error("Invalid response headers")
	var is_closed := func() -> bool: return _poll() and client.get_ready_state() == WebSocketPeer.STATE_CLOSED
	check(await wait_until(is_closed), "the client is refused")
	check_eq(id, 0)
	server.stop()
	server.refuse_new_connections = false
	client = WebSocketPeer.new()
	if not await _connect():
		return
	server.refuse_new_connections = true
	check(server.refuse_new_connections, "it refuses")
	check_eq(server.get_peer(id).send_text("stay"), OK)
	check(await _client_gets("stay", true), "those who are in stay in")


func test_peer_without_a_connection() -> void:
	var peer := LodeWebSocketPeer.new()
	check_eq(peer.get_ready_state(), LodeWebSocketPeer.STATE_CLOSED)
	check_eq(peer.send_text("x"), FAILED)
	check_eq(peer.put_packet([1] as PackedByteArray), FAILED)
	check_eq(peer.get_available_packet_count(), 0)
	check_eq(peer.get_connected_host(), "")
	check_eq(peer.get_connected_port(), 0)
	check_eq(peer.send([1] as PackedByteArray), FAILED)
	check_eq(peer.put_var("x"), FAILED)
	check_eq(peer.get_packet(), PackedByteArray())
	check_eq(peer.get_packet_error(), ERR_UNAVAILABLE)
	check(not peer.was_string_packet(), "there was none")
	check_eq(peer.get_current_outbound_buffered_amount(), 0)
	check_eq([peer.get_close_code(), peer.get_close_reason(), peer.get_selected_protocol()], [-1, "", ""])
	peer.set_write_mode(LodeWebSocketPeer.WRITE_MODE_TEXT)
	check_eq(peer.get_write_mode(), LodeWebSocketPeer.WRITE_MODE_TEXT)
	peer.close()
	peer.close(-1)
	peer.set_no_delay(true)
	check(not peer.is_connected_to_host(), "it is not connected")


func _connect(protocols: PackedStringArray = [], address := "127.0.0.1") -> bool:
	id = 0
	check_eq(server.listen(0, protocols), OK)
	client.connect_to_url("ws://%s:%d" % [address, server.get_local_port()])
	return check(await wait_until(func() -> bool: return _poll() and id != 0 and _is_open()), "the client connects")


func _is_open() -> bool:
	return client.get_ready_state() == WebSocketPeer.STATE_OPEN


func _poll() -> bool:
	server.poll()
	client.poll()
	return true


func _client_gets(text: String, is_text: bool) -> bool:
	if not await wait_until(func() -> bool: return _poll() and client.get_available_packet_count() > 0):
		return false
	return client.get_packet().get_string_from_utf8() == text and client.was_string_packet() == is_text
