extends "res://test_case.gd"
## This script does not load.


func test_never_runs(:
