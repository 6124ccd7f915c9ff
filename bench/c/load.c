/* Closed-loop Modbus TCP clients: how much CPU does the server spend on one request?
 *
 *   load HOST PORT CONNECTIONS REGISTERS SECONDS UNIT ADDRESS SERVER_PID
 *
 * Every connection has one function-3 request in flight. After half a second of warm-up the requests of SECONDS are
 * counted, and the CPU time that process SERVER_PID used meanwhile (schedstat of all its threads, nanoseconds).
 * Prints one line: requests, seconds, server CPU microseconds per request, exceptions, wrong transaction ids.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct peer {
    int socket;
    uint16_t transaction;
    size_t filled;
    unsigned char input[512];
};

static int unit, address, registers;
static const char *server;

static double clock_now(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return (double)moment.tv_sec + (double)moment.tv_nsec / 1e9;
}

/* CPU nanoseconds of all threads of the server so far. */
static double server_cpu(void) {
    char path[512];
    double sum = 0;
    snprintf(path, sizeof path, "/proc/%s/task", server);
    DIR *threads = opendir(path);
    if (!threads) {
        perror(path);
        exit(2);
    }
    for (struct dirent *entry; (entry = readdir(threads));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%s/task/%.40s/schedstat", server, entry->d_name);
        FILE *file = fopen(path, "r");
        unsigned long long spent = 0;
        if (file) {
            if (fscanf(file, "%llu", &spent) == 1) sum += (double)spent;
            fclose(file);
        }
    }
    closedir(threads);
    return sum;
}

static void ask(struct peer *peer) {
    peer->transaction++;
    const unsigned char request[12] = {
        peer->transaction >> 8, peer->transaction & 255, 0, 0, 0, 6, (unsigned char)unit, 3,
        (unsigned char)(address >> 8), (unsigned char)address, (unsigned char)(registers >> 8), (unsigned char)registers};
    if (write(peer->socket, request, sizeof request) != sizeof request) {
        perror("write");
        exit(2);
    }
}

int main(int count, char **words) {
    if (count != 9) {
        fprintf(stderr, "load HOST PORT CONNECTIONS REGISTERS SECONDS UNIT ADDRESS SERVER_PID\n");
        return 2;
    }
    struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[2]))};
    inet_pton(AF_INET, words[1], &target.sin_addr);
    const int connections = atoi(words[3]);
    registers = atoi(words[4]);
    const double seconds = atof(words[5]);
    unit = atoi(words[6]);
    address = atoi(words[7]);
    server = words[8];

    struct peer *peers = calloc((size_t)connections, sizeof *peers);
    const int poller = epoll_create1(0), on = 1;
    for (int i = 0; i < connections; i++) {
        peers[i].socket = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(peers[i].socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (connect(peers[i].socket, (struct sockaddr *)&target, sizeof target)) {
            perror("connect");
            return 2;
        }
        struct epoll_event interest = {.events = EPOLLIN, .data.ptr = &peers[i]};
        epoll_ctl(poller, EPOLL_CTL_ADD, peers[i].socket, &interest);
    }
    for (int i = 0; i < connections; i++) ask(&peers[i]);

    const double start = clock_now() + 0.5;
    double begin = 0, cpu = 0;
    unsigned long answered = 0, refused = 0, mixed = 0;
    struct epoll_event events[256];
    for (double now; (now = clock_now()) < start + seconds;) {
        if (begin == 0 && now >= start) {
            begin = now;
            cpu = server_cpu();
            answered = 0;
        }
        const int ready = epoll_wait(poller, events, 256, 100);
        for (int i = 0; i < ready; i++) {
            struct peer *peer = events[i].data.ptr;
            const ssize_t got = read(peer->socket, peer->input + peer->filled, sizeof peer->input - peer->filled);
            if (got <= 0) {
                fprintf(stderr, "the server closed a connection\n");
                return 2;
            }
            peer->filled += (size_t)got;
            if (peer->filled < 8) continue;
            const size_t length = 6 + (size_t)(peer->input[4] << 8 | peer->input[5]);
            if (peer->filled < length) continue;
            refused += peer->input[7] >> 7;
            mixed += (uint16_t)(peer->input[0] << 8 | peer->input[1]) != peer->transaction;
            answered++;
            peer->filled = 0;
            ask(peer);
        }
    }
    const double elapsed = clock_now() - begin, spent = server_cpu() - cpu;
    printf("%lu %.3f %.3f %lu %lu\n", answered, elapsed, answered ? spent / 1e3 / (double)answered : 0.0, refused, mixed);
    return 0;
}
