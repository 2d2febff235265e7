extends "res://parity_case.gd"
## The classes beside the engine's, as ClassDB of the running engine has them.


func before_each() -> void:
	prefix = "ENet"


func test_connection_has_all_that_the_engines_has() -> void:
	check_class("LodeENetConnection", "ENetConnection")


func test_packet_peer_has_all_that_the_engines_has() -> void:
	check_class("LodeENetPacketPeer", "ENetPacketPeer")
	check(not ClassDB.can_instantiate("LodeENetPacketPeer"), "only a connection makes one")
	check(ClassDB.is_parent_class("LodeENetPacketPeer", "PacketPeer"), "it is a PacketPeer")


func test_multiplayer_peer_has_all_that_the_engines_has() -> void:
	check_class("LodeENetMultiplayerPeer", "ENetMultiplayerPeer")
	check(LodeENetMultiplayerPeer.new() is MultiplayerPeer, "it is a MultiplayerPeer")
