/* HTTP clients that ask once a connection: how much CPU does the server spend on one request?
 *
 *   http_load HOST PORT CLIENTS SECONDS PATH EXPECTED SERVER_PID
 *
 * CLIENTS processes connect, ask, read until the server closes, and begin anew. After half a second of warm-up the
 * answers of SECONDS are counted, and the CPU time that process SERVER_PID used meanwhile (schedstat, nanoseconds).
 * An answer of another size than EXPECTED bytes counts as wrong. Prints one line: requests, seconds, server CPU
 * microseconds per request, wrong answers.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct counts {
    unsigned long answered, wrong;
};

static double server_cpu(const char *server) {
    char path[512];
    unsigned long long spent = 0;
    snprintf(path, sizeof path, "/proc/%s/schedstat", server);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%llu", &spent) != 1) {
        perror(path);
        exit(2);
    }
    fclose(file);
    return (double)spent;
}

static double clock_now(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return (double)moment.tv_sec + (double)moment.tv_nsec / 1e9;
}

static void ask_for_ever(const struct sockaddr_in *target, const char *request, size_t expected, struct counts *counts) {
    char buffer[65536];
    for (;;) {
        const int peer = socket(AF_INET, SOCK_STREAM, 0);
        size_t received = 0;
        ssize_t got = -1;
        if (!connect(peer, (const struct sockaddr *)target, sizeof *target) &&
            write(peer, request, strlen(request)) == (ssize_t)strlen(request))
            while ((got = read(peer, buffer, sizeof buffer)) > 0) received += (size_t)got;
        close(peer);
        counts->answered++;
        counts->wrong += got < 0 || received != expected;
    }
}

int main(int count, char **words) {
    if (count != 8) {
        fprintf(stderr, "http_load HOST PORT CLIENTS SECONDS PATH EXPECTED SERVER_PID\n");
        return 2;
    }
    struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[2]))};
    inet_pton(AF_INET, words[1], &target.sin_addr);
    const int clients = atoi(words[3]);
    const double seconds = atof(words[4]);
    char request[1024];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", words[5], words[1]);
    struct counts *all = mmap(NULL, (size_t)clients * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t children[64];
    for (int i = 0; i < clients && i < 64; i++) {
        children[i] = fork();
        if (!children[i]) ask_for_ever(&target, request, (size_t)atol(words[6]), (struct counts *)((char *)all + i * 4096));
    }
    usleep(500000);
    struct counts before = {0, 0}, after = {0, 0};
    for (int i = 0; i < clients; i++) before.answered += ((struct counts *)((char *)all + i * 4096))->answered;
    const double begin = clock_now(), cpu = server_cpu(words[7]);
    usleep((useconds_t)(seconds * 1e6));
    const double spent = server_cpu(words[7]) - cpu, elapsed = clock_now() - begin;
    for (int i = 0; i < clients; i++) {
        after.answered += ((struct counts *)((char *)all + i * 4096))->answered;
        after.wrong += ((struct counts *)((char *)all + i * 4096))->wrong;
    }
    for (int i = 0; i < clients; i++) kill(children[i], SIGKILL);
    while (wait(NULL) > 0) {
    }
    const unsigned long answered = after.answered - before.answered;
    printf("%lu %.3f %.3f %lu\n", answered, elapsed, answered ? spent / 1e3 / (double)answered : 0.0, after.wrong);
    return 0;
}
