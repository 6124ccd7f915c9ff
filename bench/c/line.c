/* An RS-485 line between two pseudo-terminals: a byte arrives when its stop bit would have.
 *
 *   line PATH_A PATH_B BAUDRATE [BITS [LOG]]        BITS of one character, 11 for 8E1
 *
 * Each message that B begins after a silence of QUIET is noted in LOG: microseconds since 1970, one line each.
 *
 * Pseudo-terminals carry bytes at once; without this pacing every figure about a serial line is wrong. Each direction
 * has its own queue of (byte, due time); a byte queues behind the one before it. Prints "ready" once both ends exist.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 15, QUIET = 2000000 }; /* nanoseconds */

struct direction {
    unsigned char octet[ROOM];
    int64_t due[ROOM];
    unsigned first, next;
    int64_t busy_until;
};

static struct direction directions[2];

static int64_t nanoseconds(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return (int64_t)moment.tv_sec * 1000000000 + moment.tv_nsec;
}

static void note(FILE *log) {
    static int64_t last;
    const int64_t now = nanoseconds();
    if (now - last > QUIET) {
        struct timespec moment;
        clock_gettime(CLOCK_REALTIME, &moment);
        fprintf(log, "%lld\n", (long long)moment.tv_sec * 1000000 + moment.tv_nsec / 1000);
        fflush(log);
    }
    last = now;
}

static int open_end(const char *link) {
    const int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (master < 0 || grantpt(master) || unlockpt(master)) {
        perror("posix_openpt");
        exit(2);
    }
    const int slave = open(ptsname(master), O_RDWR | O_NOCTTY); /* kept open, so that the master never sees a hang-up */
    struct termios raw;
    tcgetattr(slave, &raw);
    cfmakeraw(&raw);
    tcsetattr(slave, TCSANOW, &raw);
    unlink(link);
    if (symlink(ptsname(master), link)) {
        perror(link);
        exit(2);
    }
    return master;
}

static void accept_bytes(struct direction *to, int from, int64_t character) {
    unsigned char chunk[1024];
    const ssize_t got = read(from, chunk, sizeof chunk);
    const int64_t now = nanoseconds();
    for (ssize_t i = 0; i < got && to->next - to->first < ROOM; i++) {
        to->busy_until = (to->busy_until > now ? to->busy_until : now) + character;
        to->octet[to->next % ROOM] = chunk[i];
        to->due[to->next++ % ROOM] = to->busy_until;
    }
}

static int64_t deliver(struct direction *from, int to, int64_t now) {
    unsigned char chunk[256];
    size_t ready = 0;
    while (from->first != from->next && from->due[from->first % ROOM] <= now && ready < sizeof chunk)
        chunk[ready++] = from->octet[from->first++ % ROOM];
    if (ready && write(to, chunk, ready) != (ssize_t)ready) perror("write");
    return from->first == from->next ? INT64_MAX : from->due[from->first % ROOM];
}

int main(int count, char **words) {
    if (count < 4) {
        fprintf(stderr, "line PATH_A PATH_B BAUDRATE [BITS [LOG]]\n");
        return 2;
    }
    const int ends[2] = {open_end(words[1]), open_end(words[2])};
    const int64_t character = (int64_t)(count > 4 ? atoi(words[4]) : 11) * 1000000000 / atoi(words[3]);
    FILE *log = count > 5 ? fopen(words[5], "w") : NULL;
    puts("ready");
    fflush(stdout);
    for (;;) {
        int64_t wake = INT64_MAX;
        for (int i = 0; i < 2; i++) {
            const int64_t due = deliver(&directions[i], ends[1 - i], nanoseconds());
            if (due < wake) wake = due;
        }
        struct timespec pause, *limit = NULL;
        if (wake != INT64_MAX) {
            int64_t rest = wake - nanoseconds();
            if (rest < 0) rest = 0;
            pause.tv_sec = rest / 1000000000;
            pause.tv_nsec = rest % 1000000000;
            limit = &pause;
        }
        struct pollfd watched[2] = {{.fd = ends[0], .events = POLLIN}, {.fd = ends[1], .events = POLLIN}};
        if (ppoll(watched, 2, limit, NULL) > 0)
            for (int i = 0; i < 2; i++)
                if (watched[i].revents & POLLIN) {
                    if (log && i == 1) note(log);
                    accept_bytes(&directions[i], ends[i], character);
                }
    }
}
