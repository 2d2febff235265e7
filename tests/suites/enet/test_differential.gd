extends "res://differential_case.gd"
## Compares our classes with the engine's in the same calls: see bad_arguments.gd and differential.gd.


func test_odd_arguments_in_each_state_say_the_same_as_with_the_engines_classes() -> void:
	await compare("res://suites/enet/bad_arguments.gd", [], 2)


func test_random_calls_say_the_same_as_with_the_engines_class() -> void:
	await compare("res://suites/enet/differential.gd", ["--steps=60"])
