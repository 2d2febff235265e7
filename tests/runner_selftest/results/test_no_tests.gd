extends "res://test_case.gd"
## A suite whose tests are misnamed.


func check_nothing() -> void:
	pass
