extends "res://test_case.gd"
## The listings of the engine's documentation run.

const CLIENTS: Array[String] = ["client_node.gd", "client_node_3x.gd"]


func test_listings_of_the_documents() -> void:
	var probe := PacketPeerUDP.new()
	if probe.bind(4242) != OK:
		skip("the documents' port, 4242, is taken")
		return
	probe.close()
	var server := _node("server_node.gd")
	for file: String in CLIENTS:
		var client := _node(file)
		check(await wait_until(func() -> bool: return client.connected), file + " hears from the server")
		check_eq(client.dtls.get_status(), LodePacketPeerDTLS.STATUS_CONNECTED, file)
	check_eq(server.peers.size(), CLIENTS.size(), "the server has one peer for each client")


func _node(file: String) -> Node:
	var node := Node.new()
	node.set_script(load("res://suites/dtls/documents/" + file))
	add_child(node)
	return node
