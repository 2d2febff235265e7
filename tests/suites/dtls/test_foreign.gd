extends "res://test_case.gd"
## Peers other than the engine: mbedTLS 2.28, Godot 3.6 and 3.2 (mbedTLS 2.16), GnuTLS. OpenSSL is in rust/dtls/tests.

const Endpoints := preload("res://suites/dtls/endpoints.gd")
const Ports := preload("res://ports.gd")
const RSA := ["res://suites/websocket/keys/rsa_pkcs1.key", "res://suites/websocket/keys/rsa.crt", "localhost"]
const EC := ["server.key", "engine.crt", "game.example"]

var endpoints: Endpoints


func before_each() -> void:
	endpoints = Endpoints.new()


func after_each() -> void:
	endpoints.close()


func test_mbedtls_as_client() -> void:
	var program := mbedtls()
	if program.is_empty():
		return
	for kind: Array in [RSA, EC]:
		var port := endpoints.listen(LodeDTLSServer.new(), Endpoints.options(kind[0], kind[1]))
		var client := start_process(program, [_path("mbedtls_client.py"), str(port), _file(kind[1]), kind[2]])
		await _finish(client)
		check(client.output().contains("echoes 200"), client.output())
		endpoints.close()


func test_mbedtls_as_server() -> void:
	var program := mbedtls()
	if program.is_empty():
		return
	for kind: Array in [RSA, EC]:
		var server := start_process(program, [_path("mbedtls_server.py"), _file(kind[0]), _file(kind[1])])
		check(await wait_until(func() -> bool: return server.output().contains("port")), "it starts: " + server.output())
		await _echo_at(server.output().get_slice("port ", 1).to_int(), Endpoints.certificate(kind[1]), kind[2])


func test_godot_3_6_as_client() -> void:
	await _godot_3_as_client(godot_3())


func test_godot_3_2_as_client() -> void:
	await _godot_3_as_client(godot_3_2())


func test_godot_3_6_as_server() -> void:
	await _godot_3_as_server(godot_3())


func test_godot_3_2_as_server() -> void:
	await _godot_3_as_server(godot_3_2())


func test_gnutls_as_client() -> void:
	var program := gnutls()
	if program.is_empty():
		return
	for kind: Array in [RSA, EC]:
		var port := endpoints.listen(LodeDTLSServer.new(), Endpoints.options(kind[0], kind[1]))
		endpoints.received.clear()
		# Its input becomes one packet, and it disconnects at the end of the input. Files signal when it may continue.
		var may_speak := OS.get_user_data_dir().path_join("gnutls_speaks_%d" % OS.get_process_id())
		var may_leave := OS.get_user_data_dir().path_join("gnutls_leaves_%d" % OS.get_process_id())
		var wait := "while [ ! -e '%s' ]; do sleep 0.1; done"
		var line := "(%s; echo hello; %s) | '%s' gnutls-cli --udp --port %d --x509cafile '%s' --verify-hostname %s 127.0.0.1"
		var client := start_process("sh", ["-c", line % [wait % may_speak, wait % may_leave, program, port, _file(kind[1]), kind[2]]])
		check(await wait_until(func() -> bool:
			endpoints.pump()
			return endpoints.accepted.size() == 1 and endpoints.accepted[0].get_status() == LodePacketPeerDTLS.STATUS_CONNECTED
		), "it connects: " + client.output())
		FileAccess.open(may_speak, FileAccess.WRITE).close()
		check(await wait_until(func() -> bool: endpoints.pump(); return client.output().contains("hello")), "the echo comes: " + client.output())
		FileAccess.open(may_leave, FileAccess.WRITE).close()
		await _finish(client)
		DirAccess.remove_absolute(may_speak)
		DirAccess.remove_absolute(may_leave)
		check_eq(endpoints.received, [("hello\n").to_ascii_buffer()] as Array[PackedByteArray])
		endpoints.close()


func test_gnutls_as_server() -> void:
	var program := gnutls()
	if program.is_empty():
		return
	for kind: Array in [RSA, EC]:
		var port := Ports.udp()
		var arguments := ["gnutls-serv", "--udp", "--echo", "--port", str(port), "--x509keyfile", _file(kind[0]), "--x509certfile", _file(kind[1])]
		var server := start_process(program, arguments)
		check(await wait_until(func() -> bool: return server.output().contains("UDP Echo Server")), "it starts: " + server.output())
		# It rejects packets that are longer than its data MTU.
		await _echo_at(port, Endpoints.certificate(kind[1]), kind[2], 1200, 254)
		server.kill()


func _godot_3_as_client(program: String) -> void:
	if program.is_empty():
		return
	var port := endpoints.listen(LodeDTLSServer.new(), Endpoints.options(RSA[0], RSA[1]))
	var client := start_process(program, _godot_3("dtls_client.gd", str(port)))
	await _finish(client)
	check(client.output().contains("echoes 200"), client.output())
	check(await wait_until(func() -> bool: endpoints.pump(); return endpoints.accepted.is_empty()), "it leaves")


func _godot_3_as_server(program: String) -> void:
	if program.is_empty():
		return
	var file := OS.get_user_data_dir().path_join("godot3_%d.crt" % OS.get_process_id())
	var server := start_process(program, _godot_3("dtls_server.gd", file))
	check(await wait_until(func() -> bool: return server.output().contains("listening on")), "it starts: " + server.output())
	var certificate := X509Certificate.new()
	check_eq(certificate.load(file), OK)
	await _echo_at(server.output().get_slice("listening on ", 1).to_int(), certificate, "game.example")
	DirAccess.remove_absolute(file)


func _godot_3(script: String, argument: String) -> PackedStringArray:
	var folder := ProjectSettings.globalize_path("res://foreign/godot3")
	return ["--no-window", "--path", folder, "-s", "res://" + script, argument]


## Sends packets of every length to a server that sends them back.
func _echo_at(port: int, certificate: X509Certificate, hostname: String, longest := 16_384, piece_length := 16_384) -> void:
	var client := LodePacketPeerDTLS.new()
	check_eq(client.connect_to_host("127.0.0.1", port, hostname, TLSOptions.client(certificate)), OK)
	endpoints.add(client)
	check(await wait_until(endpoints.settled(client)), "it is decided")
	if not check_eq(client.get_status(), LodePacketPeerDTLS.STATUS_CONNECTED, client.get_error_message()):
		return
	for index in 200:
		var packet := PackedByteArray()
		packet.resize(longest if index == 199 else 1 + index * (longest / 200))
		# Not 42: for GnuTLS, a packet that begins with an asterisk is a command.
		packet.fill(128 + index % 128)
		client.put_packet(packet)
		# The server of GnuTLS echoes at most 254 bytes at a time.
		var pieces: Array[PackedByteArray] = []
		var came := func() -> bool:
			client.poll()
			pieces.append_array(client.get_packets())
			return pieces.reduce(func(sum: int, piece: PackedByteArray) -> int: return sum + piece.size(), 0) >= packet.size()
		if not check(await wait_until(came), "%d bytes come back" % packet.size()):
			return
		check_eq(pieces.size(), ceili(packet.size() / float(piece_length)), "in as many packets")
		var got := PackedByteArray()
		pieces.map(got.append_array)
		check(got == packet, "%d bytes" % packet.size())
	client.disconnect_from_peer()


## Polls until a process has ended.
func _finish(process: ForeignProcess) -> void:
	check(await wait_until(func() -> bool: endpoints.pump(); return not process.is_running()), "it ends: " + process.output())


func _path(script: String) -> String:
	return ProjectSettings.globalize_path("res://suites/dtls/peers/" + script)


func _file(name: String) -> String:
	return ProjectSettings.globalize_path(name if name.begins_with("res://") else Endpoints.KEYS + name)
