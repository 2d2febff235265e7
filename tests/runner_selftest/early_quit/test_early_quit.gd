extends "res://test_case.gd"
## Ends the engine before the runner does.

signal never


func test_quits() -> void:
	check(true, "it begins")
	get_tree().quit(0)
	await never
