/* ENet's layer of the system, without a system: datagrams go to the program that measures and come from it, as does the
   time. It takes the place of ENet's own unix.c. */

#include <enet/enet.h>

typedef struct
{
    int (* send) (ENetSocket, const ENetAddress *, const ENetBuffer *, size_t);
    int (* receive) (ENetSocket, ENetAddress *, ENetBuffer *, size_t);
    enet_uint32 (* now) (void);
} LodewireSystem;

static LodewireSystem lodewireSystem;
static ENetSocket nextSocket;

/* To be called before anything else. */
void
lodewire_set_system (const LodewireSystem * newSystem)
{
    lodewireSystem = * newSystem;
}

/* Which number the next socket has. */
void
lodewire_set_next_socket (ENetSocket socket)
{
    nextSocket = socket;
}

int
enet_initialize (void)
{
    return 0;
}

void
enet_deinitialize (void)
{
}

enet_uint32
enet_host_random_seed (void)
{
    return (enet_uint32) nextSocket;
}

enet_uint32
enet_time_get (void)
{
    return lodewireSystem.now ();
}

ENetSocket
enet_socket_create (ENetSocketType type)
{
    (void) type;
    return nextSocket;
}

int
enet_socket_bind (ENetSocket socket, const ENetAddress * address)
{
    (void) socket;
    (void) address;
    return 0;
}

int
enet_socket_get_address (ENetSocket socket, ENetAddress * address)
{
    (void) socket;
    (void) address;
    return -1;
}

int
enet_socket_set_option (ENetSocket socket, ENetSocketOption option, int value)
{
    (void) socket;
    (void) option;
    (void) value;
    return 0;
}

int
enet_socket_send (ENetSocket socket, const ENetAddress * address, const ENetBuffer * buffers, size_t count)
{
    return lodewireSystem.send (socket, address, buffers, count);
}

int
enet_socket_receive (ENetSocket socket, ENetAddress * address, ENetBuffer * buffers, size_t count)
{
    return lodewireSystem.receive (socket, address, buffers, count);
}

int
enet_socket_wait (ENetSocket socket, enet_uint32 * condition, enet_uint32 timeout)
{
    (void) socket;
    (void) timeout;
    * condition = ENET_SOCKET_WAIT_NONE;
    return 0;
}

void
enet_socket_destroy (ENetSocket socket)
{
    (void) socket;
}
