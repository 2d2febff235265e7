extends "res://differential_case.gd"
## Compares our multiplayer with the engine's in the same random calls: see differential.gd.


func test_random_calls_say_the_same_as_with_the_engines_class() -> void:
	await compare("res://suites/websocket/differential.gd", ["--steps=60"])
