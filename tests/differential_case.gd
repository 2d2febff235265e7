extends "res://test_case.gd"
## The base of tests that compare our classes with the engine's by random calls: a script does so in its own engine for
## each seed. With LODEWIRE_SEEDS=N in the environment N seeds are tried instead of the usual few.

const USUAL_SEEDS := 6


## How many seeds are tried.
func seeds(usual := USUAL_SEEDS) -> int:
	var wanted := OS.get_environment("LODEWIRE_SEEDS").to_int()
	return wanted if wanted > 0 else usual


func deadline_of(_method: String) -> float:
	return 5.0 * HANG_TIMEOUT * maxi(USUAL_SEEDS, seeds())


## Runs the script with each seed. It prints "DIFFERENT" and ends with 1 when something differs.
func compare(script: String, options := PackedStringArray(), usual_seeds := USUAL_SEEDS) -> void:
	var engine := godot()
	if engine.is_empty():
		return
	for number in range(1, seeds(usual_seeds) + 1):
		var arguments := PackedStringArray(["--headless", "--path", ProjectSettings.globalize_path("res://"), "-s",
				script, "--", "--seed=%d" % number]) + options
		var process := start_process(engine, arguments)
		var code := await process.finished(5.0 * HANG_TIMEOUT)
		var lines := process.output().split("\n")
		var reported := Array(lines).filter(func(line: String) -> bool: return not line.begins_with("ERROR:") and not line.begins_with("   "))
		check_eq(code, 0, "seed %d: %s" % [number, "\n".join(reported.slice(-9))])
		for line in lines:
			check(not line.contains("SCRIPT ERROR") and not line.contains("panicked"), "seed %d: %s" % [number, line])
