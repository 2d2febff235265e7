extends "res://test_case.gd"
## Leaves an object behind.


func test_leaks_an_object() -> void:
	check(Object.new() != null, "there is an object")
