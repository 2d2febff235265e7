extends "res://test_case.gd"
## The engine's custom monitors: the values of each host, and that they are removed with it. An engine error fails a test.


func after_each() -> void:
	LodeMonitors.disable()
	check_eq(_ours(), PackedStringArray(), "monitors that are left")


func test_off_by_default() -> void:
	var server := LodeWebSocketServer.new()
	check_eq(server.listen(0), OK)
	server.poll()
	check_eq(LodeMonitors.is_enabled(), false)
	check_eq(_ours(), PackedStringArray())


func test_one_group_per_host_which_goes_with_it() -> void:
	LodeMonitors.enable()
	LodeMonitors.enable()
	check_eq(LodeMonitors.is_enabled(), true)
	var server := LodeWebSocketServer.new()
	check_eq(server.listen(0), OK)
	var host := LodeENetConnection.new()
	check_eq(host.create_host_bound("127.0.0.1", 0), OK)
	var dtls := LodeDTLSServer.new()
	check_eq(dtls.setup(TLSOptions.server(load("res://suites/dtls/keys/server.key"), load("res://suites/dtls/keys/engine.crt"))), OK)
	check_eq(dtls.listen(0), OK)
	check_eq(_ours(), PackedStringArray(), "before the first poll")
	for _round in 3:
		server.poll()
		host.service()
		dtls.is_connection_available()
	check_eq(_groups().size(), 3, str(_groups()))
	for each: Array in [["LodeWebSocketServer", server.get_local_port()], ["LodeENetConnection", host.get_local_port()], ["LodeDTLSServer", dtls.get_local_port()]]:
		var group := _group(each[0])
		check(group.ends_with("(port %d)" % each[1]), group)
		check_eq(_value(each[0], "peers"), 0.0)
		check_eq(_value(each[0], "connecting"), 0.0)
		check_eq(_value(each[0], "bytes in (per second)"), 0.0)
	check_eq(_has("LodeENetConnection", "packet loss (%)"), true)
	check_eq(_has("LodeWebSocketServer", "packet loss (%)"), false)
	check_eq(_has("LodeDTLSServer", "round-trip time (ms)"), false)
	server.stop()
	check_eq(_group("LodeWebSocketServer"), "")
	host.destroy()
	check_eq(_group("LodeENetConnection"), "")
	dtls = null
	check_eq(_ours(), PackedStringArray())
	# A restarted host is another one.
	check_eq(server.listen(0), OK)
	server.poll()
	check_eq(_groups().size(), 1)


func test_enable_and_disable_with_existing_hosts() -> void:
	var server := LodeWebSocketServer.new()
	check_eq(server.listen(0), OK)
	server.poll()
	for _round in 3:
		LodeMonitors.enable()
		server.poll()
		check_eq(_groups().size(), 1)
		LodeMonitors.disable()
		check_eq(_ours(), PackedStringArray())
		server.poll()
		check_eq(_ours(), PackedStringArray())


func test_what_a_websocket_server_and_a_client_do() -> void:
	LodeMonitors.enable()
	var server := LodeWebSocketServer.new()
	server.heartbeat_interval = 1.0
	check_eq(server.listen(0), OK)
	var client := LodeWebSocketClient.new()
	check_eq(client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port()), OK)
	var values := {}
	var message := "x".repeat(1000).to_utf8_buffer()
	var wanted := func() -> bool:
		server.poll()
		client.poll()
		if client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED:
			client.get_peer(1).send(message)
		_read(values)
		# Each host is sampled at its own times.
		return (_best(values, "LodeWebSocketServer", "packets in (per second)") > 1.0
				and _best(values, "LodeWebSocketServer", "round-trip time (ms)") > 0.0
				and _best(values, "LodeWebSocketServer", "bytes in (per second)") > 1000.0
				and _best(values, "LodeWebSocketServer", "bytes buffered in") > 999.0
				and _best(values, "LodeWebSocketClient", "packets out (per second)") > 1.0)
	check(await wait_until(wanted), str(values))
	check_eq(_best(values, "LodeWebSocketServer", "peers"), 1.0)
	check_eq(_best(values, "LodeWebSocketClient", "peers"), 1.0)


func test_what_an_enet_host_does() -> void:
	LodeMonitors.enable()
	var server := LodeENetConnection.new()
	check_eq(server.create_host_bound("127.0.0.1", 0), OK)
	var client := LodeENetConnection.new()
	check_eq(client.create_host(1), OK)
	var peer := client.connect_to_host("127.0.0.1", server.get_local_port())
	var values := {}
	var wanted := func() -> bool:
		server.service_all()
		client.service_all()
		peer.send(0, "hello".to_utf8_buffer(), LodeENetPacketPeer.FLAG_RELIABLE)
		_read(values)
		var group := _group_of_port(server.get_local_port())
		return (values.get(group + "/peers", 0.0) == 1.0
				and values.get(group + "/packets in (per second)", 0.0) > 1.0
				and values.get(group + "/bytes in (per second)", 0.0) > 0.0
				and values.get(group + "/round-trip time (ms)", 0.0) > 0.0
				and values.get(group + "/bytes buffered in", 0.0) > 4.0)
	# Nothing can be sent to a peer that is not connected yet.
	check(await wait_until(func() -> bool:
		server.service_all()
		client.service_all()
		return peer.get_state() == LodeENetPacketPeer.STATE_CONNECTED), "connected")
	check(await wait_until(wanted), str(values))


func test_what_a_dtls_server_does() -> void:
	LodeMonitors.enable()
	var server := LodeDTLSServer.new()
	check_eq(server.setup(TLSOptions.server(load("res://suites/dtls/keys/server.key"), load("res://suites/dtls/keys/engine.crt"))), OK)
	check_eq(server.listen(0, "127.0.0.1"), OK)
	var client := LodePacketPeerDTLS.new()
	check_eq(client.connect_to_host("127.0.0.1", server.get_local_port(), "game.example", TLSOptions.client_unsafe()), OK)
	var taken: Array[LodePacketPeerDTLS] = []
	var values := {}
	var wanted := func() -> bool:
		if server.is_connection_available():
			taken.append(server.take_connection())
		client.poll()
		if client.get_status() == LodePacketPeerDTLS.STATUS_CONNECTED:
			client.put_packet("hello".to_utf8_buffer())
		_read(values)
		return (_best(values, "LodeDTLSServer", "packets in (per second)") > 1.0
				and _best(values, "LodeDTLSServer", "bytes in (per second)") > 10.0
				and _best(values, "LodeDTLSServer", "bytes buffered in") > 4.0)
	check(await wait_until(wanted), str(values))
	check_eq(_best(values, "LodeDTLSServer", "peers"), 1.0)


## A host that a script releases while the engine reads the monitors.
func test_reading_while_hosts_come_and_go() -> void:
	LodeMonitors.enable()
	var hosts: Array[LodeENetConnection] = []
	for round_number in 50:
		var host := LodeENetConnection.new()
		check_eq(host.create_host_bound("127.0.0.1", 0), OK)
		host.service()
		hosts.append(host)
		if round_number % 3 == 0:
			hosts.pop_front()
		for monitor in _ours():
			check_ge(Performance.get_custom_monitor(monitor), 0.0, monitor)
	check_eq(_groups().size(), hosts.size())


## Keeps the greatest value of each monitor; none may be less than 0.
func _read(values: Dictionary) -> void:
	for monitor in _ours():
		var value: float = Performance.get_custom_monitor(monitor)
		check_ge(value, 0.0, monitor)
		values[monitor] = maxf(values.get(monitor, 0.0), value)


func _ours() -> PackedStringArray:
	var found := PackedStringArray()
	for monitor in Performance.get_custom_monitor_names():
		if String(monitor).begins_with("Lode"):
			found.append(monitor)
	return found


func _groups() -> PackedStringArray:
	var found := PackedStringArray()
	for monitor in _ours():
		var group := monitor.get_slice("/", 0)
		if not found.has(group):
			found.append(group)
	return found


func _group(of_class: String) -> String:
	for group in _groups():
		if group.begins_with(of_class + " "):
			return group
	return ""


func _group_of_port(port: int) -> String:
	for group in _groups():
		if group.ends_with("(port %d)" % port):
			return group
	return ""


func _has(of_class: String, monitor: String) -> bool:
	return Performance.has_custom_monitor(_group(of_class) + "/" + monitor)


func _value(of_class: String, monitor: String) -> float:
	return Performance.get_custom_monitor(_group(of_class) + "/" + monitor)


func _best(values: Dictionary, of_class: String, monitor: String) -> float:
	return values.get(_group(of_class) + "/" + monitor, 0.0)
