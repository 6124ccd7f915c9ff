/* A disk that remembers and a disk that fails: preloaded into a process, this records what it does to the files of one
   folder, and lets a write or sync fail on command.

   WP_FOLDER: absolute path of the folder. WP_LOG: the record. An entry is: kind (1 byte), length of the name (1),
   offset (8, little endian), length of the data (4), name, data. Kinds: C created, W written, T truncated to the
   offset, S synced, D folder synced, U unlinked, M mark (the offset is its number).
   Files named *-shm are shared memory and not recorded. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILES 4096
static char *names[FILES]; /* by descriptor; "" is the folder itself */
static const char *folder;
static size_t folder_length;
static int record = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { char kind; long after, times; int error; } fault;

static void put(const void *data, size_t length) {
    while (length > 0) {
        long done = syscall(SYS_write, record, data, length);
        if (done <= 0) abort();
        data = (const char *)data + done;
        length -= done;
    }
}

static void note(char kind, const char *name, int64_t offset, const void *data, uint32_t length) {
    unsigned char head[14];
    if (record < 0) return;
    head[0] = kind;
    head[1] = strlen(name);
    memcpy(head + 2, &offset, 8);
    memcpy(head + 10, &length, 4);
    pthread_mutex_lock(&lock);
    put(head, sizeof head);
    put(name, head[1]);
    if (data) put(data, length);
    pthread_mutex_unlock(&lock);
}

/* For the process itself, through ctypes. */
void disk_mark(int64_t number) { note('M', "", number, NULL, 0); }

void disk_fault(char kind, long after, long times, int error) {
    fault.kind = kind;
    fault.after = after;
    fault.times = times;
    fault.error = error;
}

static int fails(char kind) {
    if (fault.kind != kind || fault.times == 0) return 0;
    if (fault.after-- > 0) return 0;
    fault.times--;
    errno = fault.error;
    return 1;
}

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("WP_LOG");
    folder = getenv("WP_FOLDER");
    if (!folder) return;
    folder_length = strlen(folder);
    if (log) record = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static const char *inside(const char *path) {
    if (!folder || strncmp(path, folder, folder_length)) return NULL;
    if (!path[folder_length]) return "";
    if (path[folder_length] != '/') return NULL;
    path += folder_length + 1;
    size_t length = strlen(path);
    return length > 4 && !strcmp(path + length - 4, "-shm") ? NULL : path;
}

static const char *of(int fd) { return fd >= 0 && fd < FILES ? names[fd] : NULL; }

static int opened(const char *path, int flags, mode_t mode) {
    const char *name = inside(path);
    int there = name && !syscall(SYS_faccessat, AT_FDCWD, path, F_OK);
    int fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd < 0 || fd >= FILES) return fd;
    names[fd] = name ? strdup(name) : NULL;
    if (name && !there) note('C', name, 0, NULL, 0);
    if (name && there && (flags & O_TRUNC)) note('T', name, 0, NULL, 0);
    return fd;
}

#define OPEN(function, extra)                                                                                          \
    int function(const char *path, int flags, ...) {                                                                   \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                        \
        va_end(rest);                                                                                                  \
        return opened(path, flags | extra, mode);                                                                      \
    }
OPEN(open, 0)
OPEN(open64, O_LARGEFILE)

int close(int fd) {
    if (fd >= 0 && fd < FILES) names[fd] = NULL;
    return syscall(SYS_close, fd);
}

#define PWRITE(function)                                                                                               \
    ssize_t function(int fd, const void *data, size_t length, off_t offset) {                                          \
        const char *name = of(fd);                                                                                     \
        if (name && fails('W')) {                                                                                      \
            if (fault.error == ENOSPC && length > 1) { /* what still fits is written */                                \
                length /= 2;                                                                                           \
                note('W', name, offset, data, length);                                                                 \
                syscall(SYS_pwrite64, fd, data, length, offset);                                                       \
            }                                                                                                          \
            errno = fault.error;                                                                                       \
            return -1;                                                                                                 \
        }                                                                                                              \
        if (name) note('W', name, offset, data, length);                                                               \
        return syscall(SYS_pwrite64, fd, data, length, offset);                                                        \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define SYNC(function, number)                                                                                         \
    int function(int fd) {                                                                                             \
        const char *name = of(fd);                                                                                     \
        if (name && fails('S')) return -1;                                                                             \
        int result = syscall(number, fd);                                                                              \
        if (name && result == 0) note(*name ? 'S' : 'D', name, 0, NULL, 0);                                            \
        return result;                                                                                                 \
    }
SYNC(fsync, SYS_fsync)
SYNC(fdatasync, SYS_fdatasync)

#define TRUNCATE(function)                                                                                             \
    int function(int fd, off_t length) {                                                                               \
        if (of(fd)) note('T', of(fd), length, NULL, 0);                                                                \
        return syscall(SYS_ftruncate, fd, length);                                                                     \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

int unlink(const char *path) {
    int result = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (result == 0 && inside(path)) note('U', inside(path), 0, NULL, 0);
    return result;
}
