extends "res://test_case.gd"
## Accepted certificates, and the errors for the others: our client with the engine's server, and our server.

const Endpoints := preload("res://suites/dtls/endpoints.gd")

const CONNECTED := LodePacketPeerDTLS.STATUS_CONNECTED
const ERROR := LodePacketPeerDTLS.STATUS_ERROR
const MISMATCH := LodePacketPeerDTLS.STATUS_ERROR_HOSTNAME_MISMATCH
const OF_THE_ENGINE := "TLS handshake error"

var endpoints: Endpoints


func before_each() -> void:
	endpoints = Endpoints.new()


func after_each() -> void:
	endpoints.close()


func test_matrix_of_chains() -> void:
	# The server's certificate, the trusted one, the requested name, the result, and its reason.
	var rows := [
		["chain.crt", "authority.crt", Endpoints.NAME, CONNECTED, ""],
		["chain.crt", "intermediate.crt", Endpoints.NAME, CONNECTED, ""],
		["chain.crt", "authority.crt", "other.example", MISMATCH, "not valid for the requested name"],
		["chain.crt", "authority.crt", "", MISMATCH, "not valid for the requested name"],
		["chain.crt", "engine.crt", Endpoints.NAME, ERROR, "unknown issuer"],
		["expired.crt", "authority.crt", Endpoints.NAME, ERROR, "expired"],
		["expired.crt", "expired.crt", Endpoints.NAME, ERROR, "expired"],
		["not_yet_valid.crt", "authority.crt", Endpoints.NAME, ERROR, "not valid yet"],
		["common_name.crt", "authority.crt", Endpoints.NAME, CONNECTED, ""],
		["common_name.crt", "authority.crt", "other.example", MISMATCH, "not valid for the requested name"],
		["ip.crt", "authority.crt", "127.0.0.1", CONNECTED, ""],
		["ip.crt", "authority.crt", "127.0.0.2", MISMATCH, "not valid for the requested name"],
		["ip.crt", "authority.crt", "anything", MISMATCH, "not valid for the requested name"],
		["engine.crt", "engine.crt", Endpoints.NAME, CONNECTED, ""],
		["engine.crt", "engine.crt", "other.example", MISMATCH, "not valid for the requested name"],
		["engine.crt", "authority.crt", Endpoints.NAME, ERROR, "self-signed"],
		["engine.crt", "", Endpoints.NAME, ERROR, "self-signed"],
	]
	for row: Array in rows:
		var what := "%s, trusting %s, as %s" % row.slice(0, 3)
		var trusted: X509Certificate = null if row[1].is_empty() else Endpoints.certificate(row[1])
		var client: LodePacketPeerDTLS = await _try(LodePacketPeerDTLS.new(), row[0], TLSOptions.client(trusted), row[2])
		check_eq(client.get_status(), row[3], what)
		if row[4].is_empty():
			check_eq(client.get_error_message(), "", what)
		else:
			check(client.get_error_message().contains(row[4]), "%s: %s" % [what, client.get_error_message()])
		endpoints.close()


func test_chain_of_the_engines_server() -> void:
	var port := endpoints.serve("", Endpoints.options("server.key", "chain.crt"))
	var client := endpoints.join("Lode", port, TLSOptions.client(Endpoints.certificate("authority.crt")))
	check(await wait_until(endpoints.settled(client)), "it is decided")
	check_eq(client.get_status(), CONNECTED, client.get_error_message())


func test_chain_that_comes_apart() -> void:
	# The engine loses the certificates after the first one, unless the file was loaded as a resource.
	var leaf := X509Certificate.new()
	leaf.load(Endpoints.KEYS + "chain.crt")
	for chain: X509Certificate in [null, Endpoints.certificate("intermediate.crt")]:
		var server := LodeDTLSServer.new()
		server.ca_chain = chain
		var port := endpoints.serve_with(server, TLSOptions.server(Endpoints.key("server.key"), leaf))
		var client := endpoints.join("Lode", port, TLSOptions.client(Endpoints.certificate("authority.crt")))
		check(await wait_until(endpoints.settled(client)), "it is decided")
		check_eq(client.get_status(), ERROR if chain == null else CONNECTED, client.get_error_message())
		endpoints.close()


func test_unsafe_clients() -> void:
	for row: Array in [
		["engine.crt", null, "other.example", CONNECTED],
		["expired.crt", null, "", CONNECTED],
		["chain.crt", "authority.crt", "other.example", CONNECTED],
		["engine.crt", "engine.crt", "other.example", CONNECTED],
		["engine.crt", "authority.crt", Endpoints.NAME, ERROR],
		["expired.crt", "authority.crt", Endpoints.NAME, ERROR],
	]:
		var trusted: X509Certificate = null if row[1] == null else Endpoints.certificate(row[1])
		var options := TLSOptions.client_unsafe(trusted)
		var client: LodePacketPeerDTLS = await _try(LodePacketPeerDTLS.new(), row[0], options, row[2])
		check_eq(client.get_status(), row[3], str(row))
		endpoints.close()


func test_another_name_than_the_hosts() -> void:
	var options := TLSOptions.client(Endpoints.certificate("authority.crt"), Endpoints.NAME)
	var client: LodePacketPeerDTLS = await _try(LodePacketPeerDTLS.new(), "chain.crt", options, "localhost")
	check_eq(client.get_status(), CONNECTED)


func test_what_is_revoked() -> void:
	var client := LodePacketPeerDTLS.new()
	client.revocation_lists = FileAccess.get_file_as_string(Endpoints.KEYS + "revoked.crl")
	await _try(client, "chain.crt", TLSOptions.client(Endpoints.certificate("authority.crt")), Endpoints.NAME)
	check_eq(client.get_status(), ERROR)
	check(client.get_error_message().contains("revoked"), client.get_error_message())
	endpoints.close()
	await _try(client, "common_name.crt", TLSOptions.client(Endpoints.certificate("authority.crt")), Endpoints.NAME)
	check_eq(client.get_status(), CONNECTED, "another one is not")


func test_pinned_certificates() -> void:
	var pin := _sha_256("engine.crt")
	for row: Array in [["engine.crt", CONNECTED], ["chain.crt", ERROR]]:
		var client := LodePacketPeerDTLS.new()
		client.pinned_certificates = [pin]
		await _try(client, row[0], TLSOptions.client_unsafe(), "any")
		check_eq(client.get_status(), row[1], row[0])
		if row[1] == ERROR:
			check(client.get_error_message().contains("pinned"), client.get_error_message())
		endpoints.close()
	var broken := LodePacketPeerDTLS.new()
	broken.pinned_certificates = ["12:34"]
	expect_error("\"12:34\" is not a SHA-256")
	var udp := PacketPeerUDP.new()
	udp.connect_to_host("127.0.0.1", 9)
	check_eq(broken.connect_to_peer(udp, "x", TLSOptions.client_unsafe()), ERR_INVALID_PARAMETER)


func test_client_certificates() -> void:
	for row: Array in [
		["player.key", "player.crt", CONNECTED],
		["server.key", "engine.crt", ERROR],
		["", "", ERROR],
	]:
		var server := LodeDTLSServer.new()
		server.client_ca_chain = Endpoints.certificate("authority.crt")
		var port := endpoints.serve_with(server, Endpoints.options())
		var client := LodePacketPeerDTLS.new()
		if not row[0].is_empty():
			client.client_key = Endpoints.key(row[0])
			client.client_certificate = Endpoints.certificate(row[1])
		endpoints.join_with(client, port, TLSOptions.client(Endpoints.certificate("engine.crt")))
		check(await wait_until(endpoints.settled(client)), str(row))
		check_eq(client.get_status(), row[2], str(row))
		if row[2] == CONNECTED:
			check(await wait_until(func() -> bool: endpoints.pump(); return endpoints.accepted[0].get_status() == CONNECTED), "both are")
			check_eq(_der(endpoints.accepted[0].get_peer_certificate()), _der(Endpoints.certificate(row[1])), "it is the player's")
		endpoints.close()


func test_get_peer_certificate_returns_the_servers_certificate() -> void:
	var client: LodePacketPeerDTLS = await _try(LodePacketPeerDTLS.new(), "engine.crt", TLSOptions.client_unsafe(), "")
	check_eq(_der(client.get_peer_certificate()), _der(Endpoints.certificate("engine.crt")))
	check(endpoints.accepted[0].get_peer_certificate() == null, "an engine's client shows none")


func test_godot_3_arguments() -> void:
	var rows := [
		[[false], CONNECTED],
		[[false, "other.example"], CONNECTED],
		[[true, Endpoints.NAME, Endpoints.certificate("engine.crt")], CONNECTED],
		[[true, "other.example", Endpoints.certificate("engine.crt")], MISMATCH],
		[[true, Endpoints.NAME], ERROR],
		[[], ERROR],
		[[true, "", Endpoints.certificate("engine.crt")], MISMATCH],
	]
	for row: Array in rows:
		var port := endpoints.serve("", Endpoints.options())
		var client := LodePacketPeerDTLS.new()
		var udp := PacketPeerUDP.new()
		udp.connect_to_host("127.0.0.1", port)
		if row[1] != CONNECTED:
			expect_error(OF_THE_ENGINE)
		check_eq(client.callv("connect_to_peer_godot_3", [udp] + row[0]), OK)
		endpoints.add(client)
		check(await wait_until(endpoints.settled(client)), str(row))
		await wait_frames(3)
		endpoints.pump()
		check_eq(client.get_status(), row[1], str(row))
		endpoints.close()


func test_the_engine_checks_ours() -> void:
	for row: Array in [
		["chain.crt", "authority.crt", Endpoints.NAME, CONNECTED],
		["engine.crt", "engine.crt", Endpoints.NAME, CONNECTED],
		["engine.crt", "authority.crt", Endpoints.NAME, ERROR],
		["chain.crt", "authority.crt", "other.example", ERROR],
	]:
		if row[3] == ERROR:
			expect_error(OF_THE_ENGINE)
		var port := endpoints.serve("Lode", Endpoints.options("server.key", row[0]))
		var client := endpoints.join("", port, TLSOptions.client(Endpoints.certificate(row[1])), row[2])
		check(await wait_until(endpoints.settled(client)), str(row))
		check_eq(client.get_status(), row[3], str(row))
		if row[3] == ERROR:
			# The alert may be spoofed, so the server waits for a valid message.
			if check(await wait_until(func() -> bool: endpoints.pump(); return endpoints.reasons.size() == 1), str(row)):
				check(endpoints.reasons[0].contains("received alert"), endpoints.reasons[0])
		endpoints.reasons.clear()
		endpoints.close()


## Connects a client to a server that presents a certificate.
func _try(client: LodePacketPeerDTLS, shown: String, client_options: TLSOptions, hostname: String) -> LodePacketPeerDTLS:
	var port := endpoints.serve("Lode", Endpoints.options("server.key", shown))
	endpoints.join_with(client, port, client_options, hostname)
	check(await wait_until(endpoints.settled(client)), shown)
	await wait_frames(2)
	endpoints.pump()
	return client


func _sha_256(file: String) -> String:
	var hashing := HashingContext.new()
	hashing.start(HashingContext.HASH_SHA256)
	hashing.update(_der(Endpoints.certificate(file)))
	return hashing.finish().hex_encode()


## The first certificate, as bytes.
func _der(certificate: X509Certificate) -> PackedByteArray:
	# `save_to_string()` prints an error (4.6.3).
	certificate.save("user://first.crt")
	var text := FileAccess.get_file_as_string("user://first.crt")
	DirAccess.remove_absolute("user://first.crt")
	return Marshalls.base64_to_raw(text.get_slice("-----", 2).replace("\n", ""))
