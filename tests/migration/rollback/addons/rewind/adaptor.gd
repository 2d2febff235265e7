extends RefCounted
# An addon that asks which peer it has.

static func loss_of(peer: MultiplayerPeer, id: int) -> float:
	if peer is ENetMultiplayerPeer: # LOOK
		return peer.get_peer(id).get_statistic(ENetPacketPeer.PEER_PACKET_LOSS) # LOOK
	return -1.0


static func over(connection: ENetConnection) -> bool: # LOOK
	return connection != null
