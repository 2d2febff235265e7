extends "res://test_case.gd"
## The classes belong to the main thread. Using them in another thread does not crash the game.


class Heir:
	extends LodeWebSocketServer


func test_creating_an_object_in_a_thread_gives_null_and_an_error() -> void:
	var names := _classes()
	check_gt(names.size(), 5, "classes that can be created")
	for type in names:
		expect_error("%s cannot be created in a thread" % type)
		check_eq(_in_a_thread(ClassDB.instantiate.bind(type)), null, type)
	expect_error("LodeENetConnection cannot be created in a thread")
	expect_error("'LodeENetConnection' is not instantiable")
	check_eq(_in_a_thread(func() -> Variant: return LodeENetConnection.new()), null, "new()")
	expect_error("LodeWebSocketServer cannot be created in a thread")
	expect_error("Can't inherit from a virtual class")
	check_eq(_in_a_thread(func() -> Variant: return Heir.new()), null, "new() of a script's class")


func test_an_object_that_is_freed_in_a_thread_ends_on_the_main_thread() -> void:
	for type in _classes():
		var freed: Array[Object] = [ClassDB.instantiate(type)]
		check(freed[0] != null, "%s is created on the main thread" % type)
		_in_a_thread(freed.clear)
		check(freed.is_empty(), type)
	var held: Array[LodeWebSocketServer] = [LodeWebSocketServer.new()]
	check_eq(held[0].listen(0), OK)
	var port := held[0].get_local_port()
	_in_a_thread(held.clear)
	# Creating, freeing or polling objects on the main thread destroys what threads have freed.
	var other := LodeWebSocketServer.new()
	check(await wait_until(func() -> bool: return _is_free(port)), "port %d is free" % port)
	check_eq(other.listen(0), OK)


func test_what_a_thread_freed_ends_while_the_host_it_used_is_polled() -> void:
	var held: Array[LodeENetMultiplayerPeer] = [LodeENetMultiplayerPeer.new()]
	check_eq(held[0].create_server(0), OK)
	var host := held[0].host
	var port := host.get_local_port()
	_in_a_thread(held.clear)
	# The peer ends its host, which is in use until this has returned.
	check_eq(host.service(0)[0], LodeENetConnection.EVENT_NONE, "nothing has happened")
	check(await wait_until(func() -> bool: return PacketPeerUDP.new().bind(port) == OK), "the host has ended")


## The names of our classes that a script can create.
func _classes() -> PackedStringArray:
	var names := PackedStringArray()
	for type in ClassDB.get_class_list():
		if type.begins_with("Lode") and ClassDB.can_instantiate(type):
			names.append(type)
	return names


func _in_a_thread(call: Callable) -> Variant:
	var thread := Thread.new()
	check_eq(thread.start(call), OK)
	return thread.wait_to_finish()


func _is_free(port: int) -> bool:
	var probe := TCPServer.new()
	return probe.listen(port) == OK
