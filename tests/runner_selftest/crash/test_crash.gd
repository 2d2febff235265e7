extends "res://test_case.gd"
## Crashes the engine.


func test_crashes() -> void:
	check(true, "it begins")
	expect_error("on purpose")
	OS.crash("on purpose")
