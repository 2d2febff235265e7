extends "res://parity_case.gd"
## Compares the classes with the engine's, using the ClassDB of the running engine.


func test_server_has_all_that_the_engines_has() -> void:
	prefix = "PacketPeerDTLS"
	var take := "take_connection(udp_peer: Object PacketPeerUDP %s) -> Object LodePacketPeerDTLS "
	# Without an argument it takes from its own socket.
	instead = {take % "": take % " = null"}
	check_class("LodeDTLSServer", "DTLSServer")
	check(LodeDTLSServer.new() is RefCounted, "it is a RefCounted")


func test_packet_peer_has_all_that_the_engines_has() -> void:
	prefix = "PacketPeerDTLS"
	check_class("LodePacketPeerDTLS", "PacketPeerDTLS")
	check(LodePacketPeerDTLS.new() is PacketPeer, "it is a PacketPeer")


func test_connect_to_peer_as_godot_3_has_it() -> void:
	var found := ClassDB.class_get_method_list("LodePacketPeerDTLS", true).filter(
		func(method: Dictionary) -> bool: return method.name == "connect_to_peer_godot_3"
	)
	if check_eq(found.size(), 1):
		var names: Array = found[0].args.map(func(argument: Dictionary) -> String: return argument.name)
		check_eq(names, ["packet_peer", "validate_certs", "for_hostname", "valid_certificate"])
		check_eq(found[0].default_args.slice(0, 2), [true, ""])
		check(found[0].default_args.size() == 3 and found[0].default_args[2] == null, "and null")
