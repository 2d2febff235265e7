extends "res://test_case.gd"
## Whose certificates are accepted, and what is said of the others: our client at the engine's server, and our server.

const Ends := preload("res://suites/dtls/ends.gd")

const CONNECTED := LodePacketPeerDTLS.STATUS_CONNECTED
const ERROR := LodePacketPeerDTLS.STATUS_ERROR
const MISMATCH := LodePacketPeerDTLS.STATUS_ERROR_HOSTNAME_MISMATCH
const OF_THE_ENGINE := "TLS handshake error"

var ends: Ends


func before_each() -> void:
	ends = Ends.new()


func after_each() -> void:
	ends.close()


func test_matrix_of_chains() -> void:
	# What the server shows, whom the client trusts, which name it asks for, what comes of it, and why.
	var rows := [
		["chain.crt", "authority.crt", Ends.NAME, CONNECTED, ""],
		["chain.crt", "intermediate.crt", Ends.NAME, CONNECTED, ""],
		["chain.crt", "authority.crt", "other.example", MISMATCH, "another name"],
		["chain.crt", "authority.crt", "", MISMATCH, "another name"],
		["chain.crt", "engine.crt", Ends.NAME, ERROR, "nobody who is trusted has signed it"],
		["expired.crt", "authority.crt", Ends.NAME, ERROR, "expired"],
		["expired.crt", "expired.crt", Ends.NAME, ERROR, "expired"],
		["not_yet_valid.crt", "authority.crt", Ends.NAME, ERROR, "not valid yet"],
		["common_name.crt", "authority.crt", Ends.NAME, CONNECTED, ""],
		["common_name.crt", "authority.crt", "other.example", MISMATCH, "another name"],
		["ip.crt", "authority.crt", "127.0.0.1", CONNECTED, ""],
		["ip.crt", "authority.crt", "127.0.0.2", MISMATCH, "another name"],
		["ip.crt", "authority.crt", "anything", MISMATCH, "another name"],
		["engine.crt", "engine.crt", Ends.NAME, CONNECTED, ""],
		["engine.crt", "engine.crt", "other.example", MISMATCH, "another name"],
		["engine.crt", "authority.crt", Ends.NAME, ERROR, "vouches for itself alone"],
		["engine.crt", "", Ends.NAME, ERROR, "vouches for itself alone"],
	]
	for row: Array in rows:
		var what := "%s, trusting %s, as %s" % row.slice(0, 3)
		var trusted: X509Certificate = null if row[1].is_empty() else Ends.certificate(row[1])
		var client: LodePacketPeerDTLS = await _try(LodePacketPeerDTLS.new(), row[0], TLSOptions.client(trusted), row[2])
		check_eq(client.get_status(), row[3], what)
		if row[4].is_empty():
			check_eq(client.get_error_message(), "", what)
		else:
			check(client.get_error_message().contains(row[4]), "%s: %s" % [what, client.get_error_message()])
		ends.close()


func test_chain_of_the_engines_server() -> void:
	var port := ends.serve("", Ends.options("server.key", "chain.crt"))
	var client := ends.join("Lode", port, TLSOptions.client(Ends.certificate("authority.crt")))
	check(await until(ends.settled(client)), "it is decided")
	check_eq(client.get_status(), CONNECTED, client.get_error_message())


func test_chain_that_comes_apart() -> void:
	# The engine loses what is behind the first one, unless it was loaded as a resource.
	var leaf := X509Certificate.new()
	leaf.load(Ends.KEYS + "chain.crt")
	for chain: X509Certificate in [null, Ends.certificate("intermediate.crt")]:
		var server := LodeDTLSServer.new()
		server.ca_chain = chain
		var port := ends.serve_with(server, TLSOptions.server(Ends.key("server.key"), leaf))
		var client := ends.join("Lode", port, TLSOptions.client(Ends.certificate("authority.crt")))
		check(await until(ends.settled(client)), "it is decided")
		check_eq(client.get_status(), ERROR if chain == null else CONNECTED, client.get_error_message())
		ends.close()


func test_unsafe_clients() -> void:
	for row: Array in [
		["engine.crt", null, "other.example", CONNECTED],
		["expired.crt", null, "", CONNECTED],
		["chain.crt", "authority.crt", "other.example", CONNECTED],
		["engine.crt", "engine.crt", "other.example", CONNECTED],
		["engine.crt", "authority.crt", Ends.NAME, ERROR],
		["expired.crt", "authority.crt", Ends.NAME, ERROR],
	]:
		var trusted: X509Certificate = null if row[1] == null else Ends.certificate(row[1])
		var options := TLSOptions.client_unsafe(trusted)
		var client: LodePacketPeerDTLS = await _try(LodePacketPeerDTLS.new(), row[0], options, row[2])
		check_eq(client.get_status(), row[3], str(row))
		ends.close()


func test_another_name_than_the_hosts() -> void:
	var options := TLSOptions.client(Ends.certificate("authority.crt"), Ends.NAME)
	var client: LodePacketPeerDTLS = await _try(LodePacketPeerDTLS.new(), "chain.crt", options, "localhost")
	check_eq(client.get_status(), CONNECTED)


func test_what_is_revoked() -> void:
	var client := LodePacketPeerDTLS.new()
	client.revocation_lists = FileAccess.get_file_as_string(Ends.KEYS + "revoked.crl")
	await _try(client, "chain.crt", TLSOptions.client(Ends.certificate("authority.crt")), Ends.NAME)
	check_eq(client.get_status(), ERROR)
	check(client.get_error_message().contains("revoked"), client.get_error_message())
	ends.close()
	await _try(client, "common_name.crt", TLSOptions.client(Ends.certificate("authority.crt")), Ends.NAME)
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
		ends.close()
	var broken := LodePacketPeerDTLS.new()
	broken.pinned_certificates = ["12:34"]
	expect_error("\"12:34\" is not a SHA-256")
	var udp := PacketPeerUDP.new()
	udp.connect_to_host("127.0.0.1", 9)
	check_eq(broken.connect_to_peer(udp, "x", TLSOptions.client_unsafe()), ERR_INVALID_PARAMETER)


func test_clients_that_have_to_say_who_they_are() -> void:
	for row: Array in [
		["player.key", "player.crt", CONNECTED],
		["server.key", "engine.crt", ERROR],
		["", "", ERROR],
	]:
		var server := LodeDTLSServer.new()
		server.client_ca_chain = Ends.certificate("authority.crt")
		var port := ends.serve_with(server, Ends.options())
		var client := LodePacketPeerDTLS.new()
		if not row[0].is_empty():
			client.client_key = Ends.key(row[0])
			client.client_certificate = Ends.certificate(row[1])
		ends.join_with(client, port, TLSOptions.client(Ends.certificate("engine.crt")))
		check(await until(ends.settled(client)), str(row))
		check_eq(client.get_status(), row[2], str(row))
		if row[2] == CONNECTED:
			check(await until(func() -> bool: ends.pump(); return ends.accepted[0].get_status() == CONNECTED), "both are")
			check_eq(_der(ends.accepted[0].get_peer_certificate()), _der(Ends.certificate(row[1])), "it is the player's")
		ends.close()


func test_the_servers_certificate_is_told() -> void:
	var client: LodePacketPeerDTLS = await _try(LodePacketPeerDTLS.new(), "engine.crt", TLSOptions.client_unsafe(), "")
	check_eq(_der(client.get_peer_certificate()), _der(Ends.certificate("engine.crt")))
	check(ends.accepted[0].get_peer_certificate() == null, "an engine's client shows none")


func test_godot_3_arguments() -> void:
	var rows := [
		[[false], CONNECTED],
		[[false, "other.example"], CONNECTED],
		[[true, Ends.NAME, Ends.certificate("engine.crt")], CONNECTED],
		[[true, "other.example", Ends.certificate("engine.crt")], MISMATCH],
		[[true, Ends.NAME], ERROR],
		[[], ERROR],
		[[true, "", Ends.certificate("engine.crt")], MISMATCH],
	]
	for row: Array in rows:
		var port := ends.serve("", Ends.options())
		var client := LodePacketPeerDTLS.new()
		var udp := PacketPeerUDP.new()
		udp.connect_to_host("127.0.0.1", port)
		if row[1] != CONNECTED:
			expect_error(OF_THE_ENGINE)
		check_eq(client.callv("connect_to_peer_godot_3", [udp] + row[0]), OK)
		ends.add(client)
		check(await until(ends.settled(client)), str(row))
		await frames(3)
		ends.pump()
		check_eq(client.get_status(), row[1], str(row))
		ends.close()


func test_the_engine_checks_ours() -> void:
	for row: Array in [
		["chain.crt", "authority.crt", Ends.NAME, CONNECTED],
		["engine.crt", "engine.crt", Ends.NAME, CONNECTED],
		["engine.crt", "authority.crt", Ends.NAME, ERROR],
		["chain.crt", "authority.crt", "other.example", ERROR],
	]:
		if row[3] == ERROR:
			expect_error(OF_THE_ENGINE)
		var port := ends.serve("Lode", Ends.options("server.key", row[0]))
		var client := ends.join("", port, TLSOptions.client(Ends.certificate(row[1])), row[2])
		check(await until(ends.settled(client)), str(row))
		check_eq(client.get_status(), row[3], str(row))
		if row[3] == ERROR:
			# Anybody might have sent that alert, so the server waits for something better.
			if check(await until(func() -> bool: ends.pump(); return ends.reasons.size() == 1), str(row)):
				check(ends.reasons[0].contains("other side says"), ends.reasons[0])
		ends.reasons.clear()
		ends.close()


## Has a client connect to a server that shows a certificate.
func _try(client: LodePacketPeerDTLS, shown: String, client_options: TLSOptions, hostname: String) -> LodePacketPeerDTLS:
	var port := ends.serve("Lode", Ends.options("server.key", shown))
	ends.join_with(client, port, client_options, hostname)
	check(await until(ends.settled(client)), shown)
	await frames(2)
	ends.pump()
	return client


func _sha_256(file: String) -> String:
	var hashing := HashingContext.new()
	hashing.start(HashingContext.HASH_SHA256)
	hashing.update(_der(Ends.certificate(file)))
	return hashing.finish().hex_encode()


## The first certificate, as bytes.
func _der(certificate: X509Certificate) -> PackedByteArray:
	# `save_to_string()` prints an error (4.6.3).
	certificate.save("user://first.crt")
	var text := FileAccess.get_file_as_string("user://first.crt")
	DirAccess.remove_absolute("user://first.crt")
	return Marshalls.base64_to_raw(text.get_slice("-----", 2).replace("\n", ""))
