extends "res://suites/websocket/multiplayer_root.gd"
## One side of a multiplayer game over ENet: calls in every transfer mode, and on separate channels.


@rpc("any_peer", "call_remote", "unreliable")
func say_unreliably(what: String) -> void:
	say(what)


@rpc("any_peer", "call_remote", "unreliable_ordered", 3)
func say_in_order(what: String) -> void:
	say(what)


@rpc("any_peer", "call_remote", "reliable", 5)
func say_on_a_channel(what: String) -> void:
	say(what)
