extends Node
## A suite that extends the wrong class.


func test_never_runs() -> void:
	pass
