extends "res://test_case.gd"
## The state that a script sees, and when it changes: one test per rule.

const WAIT_MSEC := int(HANG_TIMEOUT * 1000.0)

var server: LodeENetConnection
var client: LodeENetConnection


func before_each() -> void:
	server = LodeENetConnection.new()
	client = LodeENetConnection.new()
	check_eq(server.create_host_bound("127.0.0.1", 0, 4, 2), OK)
	check_eq(client.create_host(4), OK)


func after_each() -> void:
	server = null
	client = null


func test_the_port_is_known_at_once() -> void:
	check_gt(server.get_local_port(), 0)
	check_gt(client.get_local_port(), 0)
	check_eq(server.get_local_address(), "127.0.0.1")
	check_eq(server.get_max_channels(), 2)
	check_eq(client.get_max_channels(), 255)


func test_nothing_is_read_before_the_first_service() -> void:
	var peer := _dial()
	client.flush()
	OS.delay_msec(50)
	# Set after the datagram has arrived, but before it is read.
	server.channel_limit(1)
	OS.delay_msec(50)
	check_eq(server.pop_statistic(LodeENetConnection.HOST_TOTAL_RECEIVED_PACKETS), 0.0)
	_connected(peer)
	check_eq(peer.get_channels(), 1)


func test_refusing_applies_to_the_first_datagram() -> void:
	var peer := _dial()
	client.flush()
	OS.delay_msec(20)
	server.refuse_new_connections(true)
	check_eq(server.service()[0], LodeENetConnection.EVENT_NONE)
	var event := client.service(WAIT_MSEC)
	check_eq(event[0], LodeENetConnection.EVENT_DISCONNECT)
	check_eq(event[1], peer)
	check_eq(peer.get_disconnect_reason(), "the other side refuses connections")
	server.refuse_new_connections(false)
	_connected(_dial())


func test_a_state_changes_with_its_event() -> void:
	var peer := _dial()
	check_eq(peer.get_state(), LodeENetPacketPeer.STATE_CONNECTING)
	check(peer.is_active(), "it is active")
	server.service()
	OS.delay_msec(100)
	check_eq(peer.get_state(), LodeENetPacketPeer.STATE_CONNECTING, "the I/O thread knows more")
	check_eq(client.service(WAIT_MSEC)[0], LodeENetConnection.EVENT_CONNECT)
	check_eq(peer.get_state(), LodeENetPacketPeer.STATE_CONNECTED)
	var at_server: LodeENetPacketPeer = server.service(WAIT_MSEC)[1]
	at_server.send(0, [1], LodeENetPacketPeer.FLAG_RELIABLE)
	at_server.peer_disconnect_later(9)
	OS.delay_msec(100)
	check_eq(peer.get_available_packet_count(), 0)
	check_eq(peer.get_state(), LodeENetPacketPeer.STATE_CONNECTED)
	check_eq(client.service(WAIT_MSEC)[0], LodeENetConnection.EVENT_RECEIVE)
	check_eq(peer.get_available_packet_count(), 1)
	check_eq(peer.get_state(), LodeENetPacketPeer.STATE_CONNECTED)
	check_eq(client.service(WAIT_MSEC)[0], LodeENetConnection.EVENT_DISCONNECT)
	check_eq(peer.get_state(), LodeENetPacketPeer.STATE_DISCONNECTED)
	check(not peer.is_active(), "it is no longer")


func test_unread_packets_stay_readable_after_a_disconnect() -> void:
	var peer := _connected(_dial())
	var at_server: LodeENetPacketPeer = server.get_peers()[0]
	for number in 3:
		peer.send(1, [number], LodeENetPacketPeer.FLAG_RELIABLE)
	peer.peer_disconnect_later()
	var events: Array[int] = []
	while not events.has(LodeENetConnection.EVENT_DISCONNECT):
		events.append(server.service(WAIT_MSEC)[0])
	check_eq(events, [3, 3, 3, 2] as Array[int])
	check_eq(at_server.get_available_packet_count(), 3)
	check_eq(at_server.get_packet(), PackedByteArray([0]))
	check_eq(at_server.get_packet_channel(), 1)
	check_eq(at_server.get_packet_flags(), LodeENetPacketPeer.FLAG_RELIABLE)
	check_eq(at_server.get_packets(), [PackedByteArray([1]), PackedByteArray([2])] as Array[PackedByteArray])


func test_nothing_of_an_old_connection_arrives_after_reset() -> void:
	_old_connection(func(peer: LodeENetPacketPeer) -> void: peer.reset())


func test_nothing_of_an_old_connection_arrives_after_peer_disconnect_now() -> void:
	_old_connection(func(peer: LodeENetPacketPeer) -> void: peer.peer_disconnect_now())


func _old_connection(let_go: Callable) -> void:
	server = LodeENetConnection.new()
	check_eq(server.create_host_bound("127.0.0.1", 0, 1), OK)
	var peer := _connected(_dial())
	var old: LodeENetPacketPeer = server.get_peers()[0]
	peer.send(0, [1, 2, 3], LodeENetPacketPeer.FLAG_RELIABLE)
	OS.delay_msec(50)
	# The packet has arrived, and was not reported.
	let_go.call(old)
	check(not old.is_active(), "the old one is gone at once")
	check_eq(server.service(50)[0], LodeENetConnection.EVENT_NONE)
	check_eq(server.get_peers().size(), 0)
	# Another peer gets the only peer slot.
	var other := LodeENetConnection.new()
	other.create_host()
	var next := other.connect_to_host("127.0.0.1", server.get_local_port(), 1, 8)
	other.flush()
	var event := server.service(WAIT_MSEC)
	check_eq(event[0], LodeENetConnection.EVENT_CONNECT)
	check_eq(event[2], 8)
	check_ne(event[1], old, "it is not taken for the old one")
	check_eq(old.get_available_packet_count(), 0)
	check_eq(old.send(0, [1], LodeENetPacketPeer.FLAG_RELIABLE), ERR_UNCONFIGURED)
	other.service(WAIT_MSEC)
	next.send(0, [9], LodeENetPacketPeer.FLAG_RELIABLE)
	check_eq(server.service(WAIT_MSEC)[0], LodeENetConnection.EVENT_RECEIVE)
	check_eq((event[1] as LodeENetPacketPeer).get_packet(), PackedByteArray([9]))


func test_packets_are_sent_without_another_call() -> void:
	var peer := _connected(_dial())
	peer.send(0, [7], LodeENetPacketPeer.FLAG_RELIABLE)
	check_eq(server.service(WAIT_MSEC)[0], LodeENetConnection.EVENT_RECEIVE)


func test_one_burst_shares_datagrams() -> void:
	client.flush_interval = 100_000.0
	var peer := _connected(_dial())
	client.pop_statistic(LodeENetConnection.HOST_TOTAL_SENT_PACKETS)
	for _index in 100:
		peer.send(0, [1, 2, 3, 4], LodeENetPacketPeer.FLAG_UNSEQUENCED)
	client.flush()
	# 12 bytes each, of which at most 32 share a datagram.
	check_le(client.pop_statistic(LodeENetConnection.HOST_TOTAL_SENT_PACKETS), 12.0)


func test_packets_are_sent_within_flush_interval() -> void:
	client.flush_interval = 300.0
	var peer := _connected(_dial())
	# A packet may share an earlier datagram, such as that of an acknowledgement, so only some have to wait.
	for _try in 20:
		peer.send(0, [7], LodeENetPacketPeer.FLAG_UNSEQUENCED)
		if server.service(100)[0] == LodeENetConnection.EVENT_NONE:
			check_eq(server.service(WAIT_MSEC)[0], LodeENetConnection.EVENT_RECEIVE, "it waits for more, but not for ever")
			return
	fail("nothing waits for more")


func test_a_full_datagram_does_not_wait_for_more() -> void:
	client.flush_interval = 100_000.0
	var peer := _connected(_dial())
	for _index in 3:
		var packet := PackedByteArray()
		packet.resize(600)
		peer.send(0, packet, LodeENetPacketPeer.FLAG_UNSEQUENCED)
	check_eq(server.service(WAIT_MSEC)[0], LodeENetConnection.EVENT_RECEIVE)


func test_flush_sends_at_once() -> void:
	client.flush_interval = 100_000.0
	var peer := _connected(_dial())
	peer.send(0, [7], LodeENetPacketPeer.FLAG_UNSEQUENCED)
	client.pop_statistic(LodeENetConnection.HOST_TOTAL_SENT_PACKETS)
	client.flush()
	check_ge(client.pop_statistic(LodeENetConnection.HOST_TOTAL_SENT_PACKETS), 1.0)
	check_eq(server.service(WAIT_MSEC)[0], LodeENetConnection.EVENT_RECEIVE)


func test_a_disconnect_now_and_destroy_is_still_delivered() -> void:
	var peer := _connected(_dial())
	peer.peer_disconnect_now(33)
	client.destroy()
	var event := server.service(WAIT_MSEC)
	check_eq(event[0], LodeENetConnection.EVENT_DISCONNECT)
	check_eq(event[2], 33)


func test_calls_keep_their_order() -> void:
	var peer := _connected(_dial())
	peer.send(0, [1], LodeENetPacketPeer.FLAG_RELIABLE)
	peer.send(1, [2], LodeENetPacketPeer.FLAG_RELIABLE)
	peer.peer_disconnect_later(5)
	check_eq(server.service(WAIT_MSEC)[3], 0)
	check_eq(server.service(WAIT_MSEC)[3], 1)
	check_eq(server.service(WAIT_MSEC)[2], 5)


func test_waiting_sleeps_and_ends_with_an_event() -> void:
	var peer := _connected(_dial())
	var before := _processor_time()
	var begin := Time.get_ticks_msec()
	check_eq(server.service(300)[0], LodeENetConnection.EVENT_NONE)
	check_ge(Time.get_ticks_msec() - begin, 300)
	if before >= 0:
		check_lt(_processor_time() - before, 200, "milliseconds of the processor's")
	begin = Time.get_ticks_msec()
	peer.send(0, [1], LodeENetPacketPeer.FLAG_RELIABLE)
	check_eq(server.service(WAIT_MSEC)[0], LodeENetConnection.EVENT_RECEIVE)
	check_lt(Time.get_ticks_msec() - begin, WAIT_MSEC, "it ends with the event")


func test_one_host_has_several_connections_of_its_own() -> void:
	var other := LodeENetConnection.new()
	other.create_host_bound("127.0.0.1", 0)
	other.service()
	server.service()
	var one := client.connect_to_host("127.0.0.1", server.get_local_port(), 1, 1)
	var two := client.connect_to_host("127.0.0.1", other.get_local_port(), 1, 2)
	var three := client.connect_to_host("localhost", server.get_local_port(), 1, 3)
	var connected: Array[LodeENetPacketPeer] = []
	while connected.size() < 3:
		var event := client.service(WAIT_MSEC)
		if not check_eq(event[0], LodeENetConnection.EVENT_CONNECT):
			return
		connected.append(event[1])
	check(connected.has(one) and connected.has(two) and connected.has(three), "all of them")
	check_eq(client.get_peers().size(), 3)
	check_eq(three.get_remote_address(), "127.0.0.1")


func test_a_failed_name_lookup_is_reported_without_blocking_the_game() -> void:
	# By then the lookup would have failed if the call had blocked.
	var peer := client.connect_to_host("nobody.invalid", 9000)
	check_eq(peer.get_state(), LodeENetPacketPeer.STATE_CONNECTING)
	var event := client.service(WAIT_MSEC)
	check_eq(event[0], LodeENetConnection.EVENT_DISCONNECT)
	check_eq(event[1], peer)
	check(peer.get_disconnect_reason().contains("nobody.invalid"), peer.get_disconnect_reason())


func test_service_all_hands_over_everything_in_one_call() -> void:
	var peer := _connected(_dial())
	for number in 10:
		peer.send(number % 2, [number], LodeENetPacketPeer.FLAG_RELIABLE)
	peer.peer_disconnect_later(4)
	var events: Array[Array] = []
	while events.is_empty() or events.back()[0] != LodeENetConnection.EVENT_DISCONNECT:
		OS.delay_msec(30)
		events.append_array(server.service_all(WAIT_MSEC))
	var at_server: LodeENetPacketPeer = events[0][1]
	check_eq(events[0].slice(0, 1), [LodeENetConnection.EVENT_RECEIVE])
	check_eq(events.back()[2], 4)
	check_eq(at_server.get_packets().map(func(packet: PackedByteArray) -> int: return packet[0]), range(10))
	check_eq(server.service_all(), [] as Array[Array])


func test_a_stalled_game_keeps_its_peers_and_gets_everything() -> void:
	var peer := _connected(_dial())
	var at_server: LodeENetPacketPeer = server.get_peers()[0]
	at_server.set_timeout(1, 1000, 2500)
	peer.set_timeout(1, 1000, 2500)
	# Neither is serviced; the timeouts would end both.
	for number in 20:
		peer.send(0, [number], LodeENetPacketPeer.FLAG_RELIABLE)
		OS.delay_msec(150)
	var numbers := []
	for _event in 20:
		check_eq(server.service(WAIT_MSEC)[0], LodeENetConnection.EVENT_RECEIVE)
		numbers.append(at_server.get_packet()[0])
	check_eq(numbers, range(20))
	check_eq(client.service()[0], LodeENetConnection.EVENT_NONE)


func test_buffered_packets_are_limited() -> void:
	server.max_buffered_bytes = 50_000
	var peer := _connected(_dial())
	var at_server: LodeENetPacketPeer = server.get_peers()[0]
	var packet := PackedByteArray()
	packet.resize(1000)
	for number in 200:
		packet.encode_u32(0, number)
		peer.send(0, packet, LodeENetPacketPeer.FLAG_RELIABLE)
		peer.send(1, packet, LodeENetPacketPeer.FLAG_UNSEQUENCED)
		client.flush()
	check(await wait_until(func() -> bool: return (
		at_server.get_statistic(LodeENetPacketPeer.PEER_PACKETS_REFUSED) > 0.0
		and at_server.get_statistic(LodeENetPacketPeer.PEER_PACKETS_DROPPED) >= 140.0
	)), "some are refused, and of 200 those dropped that have no room")
	# All reliable packets arrive, in order; of the others, the newest.
	var reliable := []
	var others := []
	var end := Time.get_ticks_msec() + WAIT_MSEC
	while reliable.size() < 200 and Time.get_ticks_msec() < end:
		if server.service(100)[0] != LodeENetConnection.EVENT_RECEIVE:
			continue
		var number := at_server.get_packet().decode_u32(0)
		(reliable if at_server.get_packet_channel() == 0 else others).append(number)
	check_eq(reliable, range(200))
	check_le(others.size(), 60)
	# Unreliable packets arrive at any time: the last one arrived before all reliable ones were read.
	check(await wait_until(func() -> bool:
		if server.service()[0] == LodeENetConnection.EVENT_RECEIVE:
			others.append(at_server.get_packet().decode_u32(0))
		return not others.is_empty() and others.back() == 199
	), "the newest is among them")


func test_round_trip_times_do_not_grow_with_the_frames() -> void:
	var peer := _connected(_dial())
	var at_server: LodeENetPacketPeer = server.get_peers()[0]
	# A frame takes two seconds; a round trip takes far less, even on a busy machine.
	for _frame in 4:
		peer.send(0, [1], LodeENetPacketPeer.FLAG_RELIABLE)
		at_server.send(0, [1], LodeENetPacketPeer.FLAG_RELIABLE)
		OS.delay_msec(2000)
		server.service_all()
		client.service_all()
	for side: LodeENetPacketPeer in [peer, at_server]:
		check_lt(side.get_statistic(LodeENetPacketPeer.PEER_ROUND_TRIP_TIME), 1500.0)


func test_simulated_latency_and_loss() -> void:
	client.simulated_latency = 40.0
	client.simulated_jitter = 5.0
	var peer := _connected(_dial())
	# A lost CONNECT is retransmitted after half a second, then after a second, and so on: another test covers that.
	client.simulated_loss = 0.2
	client.service()
	for number in 50:
		peer.send(0, [number], LodeENetPacketPeer.FLAG_RELIABLE)
		peer.send(1, [number], LodeENetPacketPeer.FLAG_UNSEQUENCED)
		client.flush()
	var numbers := []
	var others := 0
	while numbers.size() < 50:
		var event := server.service(WAIT_MSEC)
		if not check_eq(event[0], LodeENetConnection.EVENT_RECEIVE):
			return
		var number := (event[1] as LodeENetPacketPeer).get_packet()[0]
		if event[3] == 0:
			numbers.append(number)
		else:
			others += 1
	check_eq(numbers, range(50))
	check_lt(others, 50)
	check_gt(others, 20)
	var time := peer.get_statistic(LodeENetPacketPeer.PEER_ROUND_TRIP_TIME)
	check_ge(time, 80.0)


func test_misuse_prints_an_error() -> void:
	check_eq(_expecting("there is a host", server.create_host.bind()), ERR_ALREADY_IN_USE)
	var third := LodeENetConnection.new()
	for arguments: Array in [[0], [4096], [1, -1], [1, 256], [1, 0, -1], [1, 0, 0, -1]]:
		check_eq(_expecting("it must be", third.create_host.bindv(arguments)), ERR_INVALID_PARAMETER)
	check_eq(_expecting("is not an IP address", third.create_host_bound.bind("nowhere", 0)), ERR_INVALID_PARAMETER)
	check_eq(_expecting("invalid port", third.create_host_bound.bind("*", 65_536)), ERR_INVALID_PARAMETER)
	check_eq(_expecting("in use", third.create_host_bound.bind("127.0.0.1", server.get_local_port())), ERR_CANT_CREATE)
	for what: String in ["destroy", "flush", "get_peers", "get_local_port", "get_max_channels", "bandwidth_limit"]:
		_expecting("no host", Callable(third, what))
	check_eq(_expecting("no host", third.service), [LodeENetConnection.EVENT_ERROR, null, 0, 0])
	check(_expecting("no host", third.connect_to_host.bind("127.0.0.1", 9)) == null, "null")
	check_eq(_expecting("no host", third.dtls_client_setup.bind("a")), ERR_UNCONFIGURED)
	for port: int in [0, 65_536]:
		check(_expecting("invalid port", client.connect_to_host.bind("127.0.0.1", port)) == null, "null")
	check(_expecting("neither an IP address nor a host name", client.connect_to_host.bind("no host", 9)) == null, "null")
	check_eq(_expecting("Use TLSOptions.server", client.dtls_server_setup.bind(null)), ERR_INVALID_PARAMETER)
	_expecting("invalid channel", client.broadcast.bind(255, PackedByteArray(), 1))
	_expecting("invalid flags", client.broadcast.bind(0, PackedByteArray(), 4))
	var peer := _connected(_dial())
	check_eq(_expecting("invalid channel", peer.send.bind(2, PackedByteArray(), 1)), ERR_INVALID_PARAMETER)
	check_eq(_expecting("invalid flags", peer.send.bind(0, PackedByteArray(), 16)), ERR_INVALID_PARAMETER)
	_expecting("timeout_min at least timeout", peer.set_timeout.bind(5, 4, 3))


func _expecting(error: String, call: Callable) -> Variant:
	expect_error(error)
	return call.call()


func _dial() -> LodeENetPacketPeer:
	var peer := client.connect_to_host("127.0.0.1", server.get_local_port(), 2, 1)
	# The request is sent with the first service, or now.
	client.flush()
	return peer


## Waits until both sides have reported the connection.
func _connected(peer: LodeENetPacketPeer) -> LodeENetPacketPeer:
	check_eq(server.service(WAIT_MSEC)[0], LodeENetConnection.EVENT_CONNECT)
	check_eq(client.service(WAIT_MSEC)[0], LodeENetConnection.EVENT_CONNECT)
	return peer


## The CPU time of this thread in milliseconds; -1 if the system does not report it.
func _processor_time() -> int:
	var file := FileAccess.open("/proc/thread-self/stat", FileAccess.READ)
	if file == null:
		return -1
	var fields := file.get_line().get_slice(") ", 1).split(" ")
	return (fields[11].to_int() + fields[12].to_int()) * 10
