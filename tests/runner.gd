extends Node
## Finds and runs the tests of this project, then quits: with 0 when none failed,
## with 1 otherwise.
##
## Options, after `--` on the command line:
## [code]--filter=TEXT[/code] runs only the tests whose name contains TEXT;
## [code]--suites=FOLDER[/code] looks for suites in another folder.
##
## The lines it prints are read by `cargo xtask test` (rust/xtask/src/test/log_scan.rs),
## which also fails a test for the errors that the engine logs meanwhile.

const TestCase := preload("res://test_case.gd")

## The additional time of [code]after_each[/code] if the test has used up its own.
const CLEAN_UP_SECONDS := TestCase.HANG_TIMEOUT

var _filter := ""
var _folder := "res://suites"
var _passed := 0
var _failed := 0
var _skipped := 0


func _ready() -> void:
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--filter="):
			_filter = argument.trim_prefix("--filter=")
		elif argument.begins_with("--suites="):
			_folder = argument.trim_prefix("--suites=")
		else:
			_report_failure("runner.arguments", ["unknown option " + argument])
	for path in _find_suites(_folder):
		await _run_suite(path)
	print("tests: %d passed, %d failed, %d skipped" % [_passed, _failed, _skipped])
	get_tree().quit(1 if _failed > 0 else 0)


## The paths of all `test_*.gd` below a folder, in the order of their names.
func _find_suites(folder: String) -> PackedStringArray:
	var found := PackedStringArray()
	for file in DirAccess.get_files_at(folder):
		if file.begins_with("test_") and file.ends_with(".gd"):
			found.append(folder.path_join(file))
	for inner in DirAccess.get_directories_at(folder):
		found.append_array(_find_suites(folder.path_join(inner)))
	found.sort()
	return found


func _run_suite(path: String) -> void:
	var suite := path.trim_prefix(_folder + "/").trim_suffix(".gd")
	# A script that does not load is a failure with any filter: it may contain the requested tests.
	print("start: %s.load (deadline %d s)" % [suite, TestCase.HANG_TIMEOUT])
	var script := load(path) as GDScript
	if script == null or not script.can_instantiate():
		_report_failure(suite + ".load", ["the script does not load"])
		return
	if not _extends_test_case(script):
		_report_failure(suite + ".load", ["the script does not extend res://test_case.gd"])
		return
	var methods := _test_methods(script)
	if methods.is_empty():
		_report_failure(suite + ".load", ["the script has no test_ method"])
		return
	print("loaded: %s.load" % suite)
	for method in methods:
		if _filter.is_empty() or (suite + "." + method).contains(_filter):
			await _run_test(script, suite, method)


func _extends_test_case(script: Script) -> bool:
	while script != null:
		if script == TestCase:
			return true
		script = script.get_base_script()
	return false


func _test_methods(script: Script) -> PackedStringArray:
	var methods := PackedStringArray()
	for method in script.get_script_method_list():
		if method.name.begins_with("test_") and not methods.has(method.name):
			methods.append(method.name)
	return methods


## Runs one test on its own node, and reports it.
func _run_test(script: GDScript, suite: String, method: String) -> void:
	var test: TestCase = script.new()
	add_child(test)
	var test_name := suite + "." + method
	var limit := test.deadline_of(method)
	print("start: %s (deadline %d s)" % [test_name, ceili(limit)])
	var began := Time.get_ticks_msec()
	var until := began + int(limit * 1000.0)
	var in_time := await _run_method(test, "before_each", until)
	if in_time and test.can_continue():
		in_time = await _run_method(test, method, until)
	if not in_time:
		test.fail("not done after its deadline of %s s" % limit)
	var clean_up_until := maxi(until, Time.get_ticks_msec() + int(CLEAN_UP_SECONDS * 1000.0))
	if not await _run_method(test, "after_each", clean_up_until):
		test.fail("after_each is not done after %s s" % CLEAN_UP_SECONDS)
	var duration := Time.get_ticks_msec() - began
	test._end_processes()
	var failures := test._failures
	var skip_reason := test._skip_reason
	if failures.is_empty() and skip_reason.is_empty() and test._checks == 0:
		failures.append("asserted nothing")
	test.queue_free()
	# Its remaining processes print their errors now, while they still count for this test.
	await get_tree().process_frame
	await get_tree().process_frame
	if not failures.is_empty():
		_report_failure(test_name, failures)
	elif not skip_reason.is_empty():
		_skipped += 1
		print("skip %s: %s" % [test_name, skip_reason.replace("\n", " ")])
	else:
		_passed += 1
		print("ok   %s (%d ms)" % [test_name, duration])


## Calls a method which may await; returns false if it times out.
func _run_method(test: TestCase, method: String, until: int) -> bool:
	var call := Call.new()
	call.start(test, method)
	while not call.done:
		if Time.get_ticks_msec() >= until:
			return false
		await get_tree().process_frame
	return true


func _report_failure(test_name: String, failures: PackedStringArray) -> void:
	_failed += 1
	# The lines after the first are indented, so that the log scanner adds them to it.
	print("FAIL %s: %s" % [test_name, "\n".join(failures).replace("\n", "\n     ")])


## A call of a method that may await. A plain `await` would never be released,
## and keep the test's script in memory, if a method never ends.
class Call:
	var done := false

	func start(test: Object, method: String) -> void:
		var state: Variant = test.call(method)
		if state is Object and state.has_signal(&"completed"):
			state.connect(&"completed", _finish, CONNECT_ONE_SHOT)
		else:
			done = true

	func _finish(_result: Variant = null) -> void:
		done = true
