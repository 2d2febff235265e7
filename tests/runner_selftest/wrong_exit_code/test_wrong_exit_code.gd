extends "res://test_case.gd"
## Changes the engine's exit code after the runner has set it.


func test_changes_the_exit_code() -> void:
	check(true, "it holds")
	var tree := get_tree()
	tree.root.tree_exiting.connect(func() -> void: tree.quit(3))
