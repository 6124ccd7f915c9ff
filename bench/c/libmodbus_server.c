/* The peer in C: a libmodbus server with 4,300 holding registers from address 40000.
 *
 *   libmodbus_server tcp PORT            many connections, epoll
 *   libmodbus_server rtu DEVICE BAUD     one line, unit 42
 */
#define _GNU_SOURCE
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static modbus_mapping_t *registers(void) {
    modbus_mapping_t *mapping = modbus_mapping_new_start_address(0, 0, 0, 0, 40000, 4300, 0, 0);
    for (int i = 0; i < 4300; i++) mapping->tab_registers[i] = (uint16_t)i;
    return mapping;
}

static int serve_tcp(int port) {
    modbus_t *context = modbus_new_tcp("127.0.0.1", port);
    modbus_mapping_t *mapping = registers();
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    int listener = modbus_tcp_listen(context, 128);
    if (listener < 0) {
        fprintf(stderr, "%s\n", modbus_strerror(errno));
        return 2;
    }
    const int poller = epoll_create1(0);
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = listener}, events[128];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &interest);
    puts("ready");
    fflush(stdout);
    for (;;) {
        const int ready = epoll_wait(poller, events, 128, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener) {
                modbus_tcp_accept(context, &listener);
                interest.data.fd = modbus_get_socket(context);
                epoll_ctl(poller, EPOLL_CTL_ADD, interest.data.fd, &interest);
                continue;
            }
            modbus_set_socket(context, events[i].data.fd);
            const int length = modbus_receive(context, query);
            if (length > 0)
                modbus_reply(context, query, length, mapping);
            else if (length < 0)
                close(events[i].data.fd);
        }
    }
}

static int serve_rtu(const char *device, int baudrate) {
    modbus_t *context = modbus_new_rtu(device, baudrate, 'N', 8, 1);
    modbus_mapping_t *mapping = registers();
    uint8_t query[MODBUS_RTU_MAX_ADU_LENGTH];
    modbus_set_slave(context, 42);
    if (modbus_connect(context)) {
        fprintf(stderr, "%s\n", modbus_strerror(errno));
        return 2;
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        const int length = modbus_receive(context, query);
        if (length > 0) modbus_reply(context, query, length, mapping);
    }
}

int main(int count, char **words) {
    if (count == 3 && !strcmp(words[1], "tcp")) return serve_tcp(atoi(words[2]));
    if (count == 4 && !strcmp(words[1], "rtu")) return serve_rtu(words[2], atoi(words[3]));
    fprintf(stderr, "libmodbus_server tcp PORT | rtu DEVICE BAUD\n");
    return 2;
}
