/* Many lean Modbus TCP meters in one process, to load whoever polls them.
 *
 *   meters COUNT
 *
 * Listens on COUNT ports of the loopback address that the system chooses, and prints them in one line. Each port is a
 * meter that answers functions 3 and 4 for any unit. Its registers: 0 and 1 hold the number of the port as text
 * ("M" and digits, four characters a pair of registers from 0 to 3), 16 and 17 the seconds since the start (a counter),
 * every other register n holds n + the tenths of a second, so that values change.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT = 8192, BUFFER = 512 };

struct peer {
    unsigned char data[BUFFER];
    int length, meter, listener;
};

static struct peer peers[LIMIT];
static struct timespec start;

static unsigned tenths(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned)((now.tv_sec - start.tv_sec) * 10 + (now.tv_nsec - start.tv_nsec) / 100000000);
}

static uint16_t value(int meter, unsigned address, unsigned time) {
    char name[16];
    if (address < 4) {
        snprintf(name, sizeof name, "M%07d", meter);
        return (uint16_t)(name[2 * address] << 8 | name[2 * address + 1]);
    }
    if (address == 16) return (uint16_t)(time / 10 >> 16);
    if (address == 17) return (uint16_t)(time / 10);
    return (uint16_t)(address + time % 100);
}

/* The answer to one request; its length. */
static int answer(const unsigned char *request, unsigned char *out, int meter) {
    const unsigned function = request[7], address = request[8] << 8 | request[9], count = request[10] << 8 | request[11];
    memcpy(out, request, 8);
    if ((function != 3 && function != 4) || !count || count > 125) {
        out[4] = 0, out[5] = 3, out[7] = (unsigned char)(function | 0x80), out[8] = 1;
        return 9;
    }
    const unsigned time = tenths();
    out[4] = 0, out[5] = (unsigned char)(3 + 2 * count), out[8] = (unsigned char)(2 * count);
    for (unsigned i = 0; i < count; i++) {
        const uint16_t word = value(meter, address + i, time);
        out[9 + 2 * i] = (unsigned char)(word >> 8), out[10 + 2 * i] = (unsigned char)word;
    }
    return 9 + (int)(2 * count);
}

static void serve(int descriptor) {
    struct peer *peer = &peers[descriptor];
    const ssize_t got = read(descriptor, peer->data + peer->length, (size_t)(BUFFER - peer->length));
    if (got <= 0) {
        close(descriptor);
        return;
    }
    peer->length += (int)got;
    unsigned char out[BUFFER];
    while (peer->length >= 12) {
        const int size = 6 + (peer->data[4] << 8 | peer->data[5]);
        if (size < 12 || size > BUFFER || peer->length < size) break;
        const int length = answer(peer->data, out, peer->meter);
        if (write(descriptor, out, (size_t)length) != length) break;
        memmove(peer->data, peer->data + size, (size_t)(peer->length -= size));
    }
}

static int listening(int poller, int number) {
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof place;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = listener};
    if (listener < 0 || listener >= LIMIT || bind(listener, (struct sockaddr *)&place, size) || listen(listener, 16)) {
        perror("cannot listen");
        exit(2);
    }
    getsockname(listener, (struct sockaddr *)&place, &size);
    peers[listener] = (struct peer){.meter = number, .listener = 1};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &interest);
    return ntohs(place.sin_port);
}

static void admit(int poller, int listener) {
    const int yes = 1, descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = descriptor};
    if (descriptor < 0) return;
    if (descriptor >= LIMIT) {
        close(descriptor);
        return;
    }
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    peers[descriptor] = (struct peer){.meter = peers[listener].meter};
    epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &interest);
}

int main(int count, char **words) {
    const int meters = count > 1 ? atoi(words[1]) : 1, poller = epoll_create1(0);
    struct rlimit files = {LIMIT, LIMIT};
    setrlimit(RLIMIT_NOFILE, &files);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < meters; i++) printf("%s%d", i ? " " : "", listening(poller, i + 1));
    puts("");
    fflush(stdout);
    struct epoll_event events[256];
    for (;;) {
        const int ready = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            const int descriptor = events[i].data.fd;
            if (peers[descriptor].listener)
                admit(poller, descriptor);
            else
                serve(descriptor);
        }
    }
}
