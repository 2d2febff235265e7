extends "res://parity_case.gd"
## Compares the classes with the engine's, using the ClassDB of the running engine.


func before_each() -> void:
	prefix = "ENet"


func test_connection_has_all_that_the_engines_has() -> void:
	check_class("LodeENetConnection", "ENetConnection")


func test_packet_peer_has_all_that_the_engines_has() -> void:
	check_class("LodeENetPacketPeer", "ENetPacketPeer")
	check(not ClassDB.can_instantiate("LodeENetPacketPeer"), "only a connection makes one")
	check(ClassDB.is_parent_class("LodeENetPacketPeer", "PacketPeer"), "it is a PacketPeer")


func test_multiplayer_peer_has_all_that_the_engines_has() -> void:
	# Arguments after the engine's own are optional.
	var server := "create_server(port: int  , max_clients: int   = 32, max_channels: int   = 0, in_bandwidth: int   = 0, out_bandwidth: int   = 0%s) -> int Error "
	var client := "create_client(address: String  , port: int  , channel_count: int   = 0, in_bandwidth: int   = 0, out_bandwidth: int   = 0, local_port: int   = 0%s) -> int Error "
	instead = {
		server % "": server % ", tls_server_options: Object TLSOptions  = null",
		client % "": client % ", tls_client_options: Object TLSOptions  = null, tls_hostname: String   = \"\"",
	}
	check_class("LodeENetMultiplayerPeer", "ENetMultiplayerPeer")
	check(LodeENetMultiplayerPeer.new() is MultiplayerPeer, "it is a MultiplayerPeer")
