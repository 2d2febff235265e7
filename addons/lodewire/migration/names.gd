extends RefCounted
## What became of each class, method and signal.

## Classes that are replaced by name: every method, property and constant has a counterpart.
const RENAMED := {
	"ENetConnection": "LodeENetConnection",
	"ENetPacketPeer": "LodeENetPacketPeer",
	"ENetMultiplayerPeer": "LodeENetMultiplayerPeer",
	"DTLSServer": "LodeDTLSServer",
	"PacketPeerDTLS": "LodePacketPeerDTLS",
	# Godot 3's, which a project may have declared by itself since.
	"WebSocketServer": "LodeWebSocketServer",
	"WebSocketClient": "LodeWebSocketClient",
	"NetworkedMultiplayerENet": "LodeENetMultiplayerPeer",
	"NetworkedMultiplayerPeer": "MultiplayerPeer",
}

## The two classes of Godot 4 that clients may keep, since the wire is the same.
const SOCKET := "WebSocketPeer"
const SOCKET_MULTIPLAYER := "WebSocketMultiplayerPeer"
const LODE_SOCKET := "LodeWebSocketPeer"

## Names that are no longer the engine's, so that a script may declare them.
const GODOT_3: Array[String] = [
	"WebSocketServer", "WebSocketClient", "NetworkedMultiplayerENet", "NetworkedMultiplayerPeer",
]

## Where these are named, `WebSocketPeer` may be what `get_peer()` returns.
const SOCKET_OWNERS: Array[String] = [
	"WebSocketServer", "WebSocketClient", "LodeWebSocketServer", "LodeWebSocketClient",
]

## Constants that Godot 3 had in another class.
const MOVED_CONSTANTS := {"COMPRESS_": "LodeENetConnection"}

## Words without which a script has nothing to change.
const OF_INTEREST: Array[String] = [
	"ENet", "DTLS", "WebSocket", "NetworkedMultiplayer", "network_peer", "close_connection", "get_tree()",
	"peer_connected", "peer_disconnected", "server_disconnected", "refuse_new_connections",
	"connection_succeeded", "connection_failed", "connected_to_server", "connection_established",
	"connection_closed", "connection_error", "client_connected", "client_disconnected", "client_close_request",
	"data_received", "server_close_request", "peer_packet",
]

## Signals of the network's classes, whose `connect(name, object, method)` of Godot 3 is rewritten.
const SIGNALS: Array[String] = [
	"client_connected", "client_disconnected", "client_close_request", "data_received", "server_close_request",
	"connection_established", "connection_closed", "connection_error", "peer_packet", "peer_connected",
	"peer_disconnected", "connection_succeeded", "connection_failed", "server_disconnected", "connected_to_server",
	"network_peer_connected", "network_peer_disconnected", "network_peer_packet",
]

## What Godot 3's SceneTree had, and the engine's converter leaves there under a new name: it is the MultiplayerAPI's now.
const OF_TREE := {
	"network_peer": "multiplayer_peer",
	"multiplayer_peer": "multiplayer_peer",
	"set_network_peer": "set_multiplayer_peer",
	"set_multiplayer_peer": "set_multiplayer_peer",
	"get_network_peer": "get_multiplayer_peer",
	"get_multiplayer_peer": "get_multiplayer_peer",
	"has_network_peer": "has_multiplayer_peer",
	"has_multiplayer_peer": "has_multiplayer_peer",
	"is_network_server": "is_server",
	"is_server": "is_server",
	"get_network_unique_id": "get_unique_id",
	"get_unique_id": "get_unique_id",
	"get_network_connected_peers": "get_peers",
	"get_peers": "get_peers",
	"get_rpc_sender_id": "get_remote_sender_id",
	"get_remote_sender_id": "get_remote_sender_id",
}

const SIGNALS_OF_TREE := {
	"network_peer_connected": "peer_connected",
	"network_peer_disconnected": "peer_disconnected",
	"peer_connected": "peer_connected",
	"peer_disconnected": "peer_disconnected",
	"connected_to_server": "connected_to_server",
	"connection_failed": "connection_failed",
	"server_disconnected": "server_disconnected",
}

## Families of names that are one class, under its name in Lodewire.
const CLASS_OF := {
	"NetworkedMultiplayerENet": "LodeENetMultiplayerPeer",
	"ENetMultiplayerPeer": "LodeENetMultiplayerPeer",
	"LodeENetMultiplayerPeer": "LodeENetMultiplayerPeer",
	"ENetConnection": "LodeENetConnection",
	"LodeENetConnection": "LodeENetConnection",
	"PacketPeerDTLS": "LodePacketPeerDTLS",
	"LodePacketPeerDTLS": "LodePacketPeerDTLS",
	"DTLSServer": "LodeDTLSServer",
	"LodeDTLSServer": "LodeDTLSServer",
	"WebSocketMultiplayerPeer": "WebSocketMultiplayerPeer",
}

const _DTLS := "pass TLSOptions to create_server() or create_client() as the last argument (docs/migration.md, ENetMultiplayerPeer)"
const _COMPRESSION := (
	"call `peer.host.compress(LodeENetConnection.COMPRESS_…)` after create_server() or create_client();"
	+ " both sides need the same mode"
)
const _SIGNALS := "this signal has moved to the MultiplayerAPI: use `multiplayer.%s`"
const _ORDERED := "this has gone: `transfer_mode` is TRANSFER_MODE_UNRELIABLE_ORDERED for what has to be in order"
const _CHANNELS := "the number of channels is an argument of create_server() and create_client()"

## Members that a person has to look at: the class, the member, and why.
const LOOK := {
	"LodeENetMultiplayerPeer": {
		"compression_mode": _COMPRESSION,
		"set_compression_mode": _COMPRESSION,
		"get_compression_mode": _COMPRESSION,
		"use_dtls": _DTLS,
		"set_dtls_enabled": _DTLS,
		"is_dtls_enabled": _DTLS,
		"dtls_verify": _DTLS,
		"set_dtls_verify_enabled": _DTLS,
		"dtls_hostname": _DTLS,
		"set_dtls_hostname": _DTLS,
		"set_dtls_key": _DTLS,
		"set_dtls_certificate": _DTLS,
		"always_ordered": _ORDERED,
		"set_always_ordered": _ORDERED,
		"channel_count": _CHANNELS,
		"set_channel_count": _CHANNELS,
		"get_last_packet_channel": "call `get_packet_channel()` before reading the packet",
		"server_relay": "this is `multiplayer.server_relay` now",
		"set_server_relay_enabled": "this is `multiplayer.server_relay` now",
		"connection_succeeded": _SIGNALS % "connected_to_server",
		"connection_failed": _SIGNALS % "connection_failed",
		"server_disconnected": _SIGNALS % "server_disconnected",
	},
	"LodeENetConnection": {
		"refuse_new_connections": (
			"the engine's class does nothing without DTLS; here every new client is refused, so check who relied on that"
		),
	},
	"WebSocketMultiplayerPeer": {
		"create_server": (
			"a server is `LodeWebSocketServer.new()` and `listen(port, PackedStringArray(), true)`; declare the variable as"
			+ " MultiplayerPeer where it may be a client too (docs/migration.md, WebSocketMultiplayerPeer)"
		),
	},
}

const ACCEPT_STREAM := (
	"a server that accepts and polls each peer: LodeWebSocketServer does both (docs/migration.md, TCPServer and"
	+ " WebSocketPeer); a client's WebSocketPeer may stay"
)
const EITHER_SOCKET := (
	"this is LodeWebSocketPeer if it comes from get_peer() of LodeWebSocketServer or LodeWebSocketClient, and stays"
	+ " WebSocketPeer otherwise"
)
const CALLED_WITHOUT_OBJECT := "connect() takes a Callable in Godot 4; bound arguments go into `.bind(…)`"
const CLOSE_CONNECTION := "if this is an ENet peer, Godot 4 calls it `close()`"
const DTLS_CHAIN := "in Godot 4: `setup(TLSOptions.server(key, certificate))`, and the chain in `ca_chain` before it"
const NAME_IN_STRING := "this string is the name of a class that has moved: change it if it is used as one"
const C_SHARP := "C# has no types for classes of extensions: see docs/migration.md, C#"
const UNREADABLE := "this file is not UTF-8 text, and was not read"
const WEB := (
	"this project is exported to the web, where a script that names a class of Lodewire does not load: see docs/web-export.md"
)
const OF_GODOT_3 := "a project of Godot 3: convert it with `godot --headless --path . --convert-3to4` before anything else"
const NO_SUCH_MEMBER := "%s has no %s"
