extends "res://test_case.gd"
## Our multiplayer beside the engine's, driven by the same random calls: see differential.gd. With LODEWIRE_SEEDS=N in the
## environment N seeds are tried instead of the usual few.

const SEEDS := 6
const STEPS := 60


func deadline_of(_method: String) -> float:
	return 60.0 * maxi(SEEDS, OS.get_environment("LODEWIRE_SEEDS").to_int())


func test_random_calls_say_the_same_as_with_the_engines_class() -> void:
	var engine := godot()
	if engine.is_empty():
		return
	var seeds := OS.get_environment("LODEWIRE_SEEDS").to_int()
	for number in range(1, (seeds if seeds > 0 else SEEDS) + 1):
		var arguments := PackedStringArray(["--headless", "--path", ProjectSettings.globalize_path("res://"), "-s",
				"res://suites/websocket/differential.gd", "--", "--seed=%d" % number, "--steps=%d" % STEPS])
		var process := start_process(engine, arguments)
		var code := await process.finished(120.0)
		var lines := process.output().split("\n")
		var told := Array(lines).filter(func(line: String) -> bool: return not line.begins_with("ERROR:") and not line.begins_with("   "))
		check_eq(code, 0, "seed %d: %s" % [number, "\n".join(told.slice(-9))])
		for line in lines:
			check(not line.contains("SCRIPT ERROR") and not line.contains("panicked"), "seed %d: %s" % [number, line])
