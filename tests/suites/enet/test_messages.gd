extends "res://test_case.gd"
## Error messages for invalid arguments of the ENet and DTLS classes contain the class and the method that the script called.

## Messages of the engine and of gdext.
const OTHERS: Array[String] = [
	"ERROR: godot-rust function call failed: ", "ERROR: Error calling method from 'callv': ", "ERROR: Max encode buffer ",
	"ERROR: Condition \"",
]


func test_messages_name_the_method_that_was_called() -> void:
	var engine := godot()
	if engine.is_empty():
		return
	for number in 4:
		var process := start_process(engine, PackedStringArray(["--headless", "--path", ProjectSettings.globalize_path("res://"),
				"-s", "res://suites/enet/odd_calls.gd", "--", "--seed=%d" % number]))
		check_eq(await process.finished(), 0, "seed %d" % number)
		var called := ""
		var ours := 0
		for line in process.output().split("\n"):
			if line.begins_with("CALL "):
				# The engine's put_var calls put_packet.
				called = line.get_slice(" ", 1).replace(".put_var", ".put_packet")
			elif line.contains("ERROR:") and not OTHERS.any(func(start: String) -> bool: return line.begins_with(start)):
				ours += 1
				check(line.begins_with("ERROR: %s: " % called), "%s: %s" % [called, line])
				check(line.ends_with("."), "a sentence: " + line)
			check(not line.contains("panicked"), "%s: %s" % [called, line])
		check_gt(ours, 50, "messages of ours, seed %d" % number)
		check_eq(called, "end", "seed %d" % number)
