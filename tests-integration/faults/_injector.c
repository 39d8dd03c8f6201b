// SPDX-License-Identifier: MIT
// Stands between a process and its C library, numbers every call that touches one folder, writes
// the calls to a trace, and does harm at the one it was told to. Loaded with LD_PRELOAD.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { RECORD, KILL_BEFORE, KILL_AFTER, KILL_WITHIN, FAIL, SHORT };
#define DESCRIPTORS 4096

static struct {
    char folder[PATH_MAX];
    size_t length;
    int mode, error, trace, on;
    long at, times, calls;
    int64_t opened[DESCRIPTORS]; // which opening a descriptor stands for, counted from 1
    int64_t openings;
    pthread_mutex_t lock;
} injector = {.trace = -1, .lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP};

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

void faults_arm(const char *folder, int mode, long at, long times, int error, int trace) {
    strncpy(injector.folder, folder, PATH_MAX - 1);
    injector.length = strlen(folder);
    injector.mode = mode;
    injector.at = at;
    injector.times = times;
    injector.error = error;
    injector.trace = trace;
    injector.calls = 0;
    injector.on = 1;
}

void faults_disarm(void) { injector.on = 0; }

long faults_calls(void) { return injector.calls; }

static void put(const void *bytes, size_t size) {
    REAL(write);
    const char *next = bytes;
    while (size) {
        ssize_t done = real(injector.trace, next, size);
        if (done <= 0) abort();
        next += done;
        size -= (size_t)done;
    }
}

// One record: what, number, opening, position or flags; two texts with their lengths before them.
static void record(const char *what, int64_t opening, int64_t number, const void *first, size_t size,
                   const char *second) {
    if (injector.trace < 0) return;
    char name[16] = {0};
    strncpy(name, what, sizeof name - 1);
    int64_t head[5] = {injector.calls, opening, number, (int64_t)size,
                       (int64_t)(second ? strlen(second) : 0)};
    put(name, sizeof name);
    put(head, sizeof head);
    if (size) put(first, size);
    if (second) put(second, strlen(second));
}

void faults_mark(long number) {
    pthread_mutex_lock(&injector.lock);
    if (injector.on) record("mark", 0, number, NULL, 0, NULL);
    pthread_mutex_unlock(&injector.lock);
}

static int within(int descriptor) {
    return injector.on && descriptor >= 0 && descriptor < DESCRIPTORS && injector.opened[descriptor];
}

// The path of an entry in the folder, whole; NULL when it is elsewhere.
static const char *resolve(int at, const char *path, char *whole) {
    if (!injector.on || !path) return NULL;
    if (path[0] == '/') {
        snprintf(whole, PATH_MAX, "%s", path);
    } else {
        char base[PATH_MAX / 2], link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t size = at == AT_FDCWD ? (getcwd(base, sizeof base) ? (ssize_t)strlen(base) : -1)
                                      : readlink(link, base, sizeof base - 1);
        if (size < 0) return NULL;
        base[size] = 0;
        snprintf(whole, PATH_MAX, "%s/%.*s", base, PATH_MAX / 2 - 2, path);
    }
    if (strncmp(whole, injector.folder, injector.length)) return NULL;
    char end = whole[injector.length];
    return end == 0 || end == '/' ? whole : NULL;
}

// Each call: lock, count, harm; do it; record; harm; unlock. `harm` is 0, or says what to do.
static int enter(void) {
    pthread_mutex_lock(&injector.lock);
    long call = ++injector.calls;
    if (injector.mode == KILL_BEFORE && call == injector.at) kill(getpid(), SIGKILL);
    if (injector.mode == FAIL && call >= injector.at && call < injector.at + injector.times) return FAIL;
    if ((injector.mode == SHORT || injector.mode == KILL_WITHIN) && call == injector.at)
        return injector.mode;
    return 0;
}

static void leave(void) {
    int error = errno;
    if (injector.calls == injector.at &&
        (injector.mode == KILL_AFTER || injector.mode == KILL_WITHIN))
        kill(getpid(), SIGKILL);
    pthread_mutex_unlock(&injector.lock);
    errno = error;
}

#define CALL(result_type, what, opening, number, first, size, second, expression)                  \
    do {                                                                                           \
        if (enter() == FAIL) {                                                                     \
            record("failed " what, 0, 0, NULL, 0, NULL);                                           \
            pthread_mutex_unlock(&injector.lock);                                                  \
            errno = injector.error;                                                                \
            return -1;                                                                             \
        }                                                                                          \
        result_type result = (expression);                                                         \
        int error = errno;                                                                         \
        if (result >= 0) record(what, opening, number, first, size, second);                       \
        else record("failed " what, 0, 0, NULL, 0, NULL);                                          \
        errno = error;                                                                             \
        leave();                                                                                   \
        return result;                                                                             \
    } while (0)

static void opened(int descriptor, const char *path, int flags) {
    if (descriptor < 0 || descriptor >= DESCRIPTORS) return;
    injector.opened[descriptor] = ++injector.openings;
    record("open", injector.openings, flags, path, strlen(path), NULL);
}

#define OPEN(name, parameters, at, path, ...)                                                      \
    int name parameters {                                                                          \
        REAL(name);                                                                                \
        mode_t mode = 0;                                                                           \
        if (flags & (O_CREAT | __O_TMPFILE)) {                                                     \
            va_list rest;                                                                          \
            va_start(rest, flags);                                                                 \
            mode = va_arg(rest, mode_t);                                                           \
            va_end(rest);                                                                          \
        }                                                                                          \
        char whole[PATH_MAX];                                                                      \
        if (!resolve(at, path, whole)) return real(__VA_ARGS__);                                   \
        if (enter() == FAIL) {                                                                     \
            record("failed open", 0, flags, NULL, 0, NULL);                                        \
            pthread_mutex_unlock(&injector.lock);                                                  \
            errno = injector.error;                                                                \
            return -1;                                                                             \
        }                                                                                          \
        int descriptor = real(__VA_ARGS__), error = errno;                                         \
        if (descriptor < 0) record("failed open", 0, flags, NULL, 0, NULL);                        \
        opened(descriptor, whole, flags);                                                          \
        errno = error;                                                                             \
        leave();                                                                                   \
        return descriptor;                                                                         \
    }

OPEN(open, (const char *path, int flags, ...), AT_FDCWD, path, path, flags, mode)
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD, path, path, flags, mode)
OPEN(openat, (int at, const char *path, int flags, ...), at, path, at, path, flags, mode)
OPEN(openat64, (int at, const char *path, int flags, ...), at, path, at, path, flags, mode)

static int stream_flags(const char *mode) {
    int flags = strchr(mode, '+') ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY;
    if (mode[0] == 'w') flags |= O_CREAT | O_TRUNC;
    if (mode[0] == 'a') flags |= O_CREAT | O_APPEND;
    return flags;
}

#define STREAM(name)                                                                               \
    FILE *name(const char *path, const char *mode) {                                               \
        REAL(name);                                                                                \
        char whole[PATH_MAX];                                                                      \
        if (!resolve(AT_FDCWD, path, whole)) return real(path, mode);                              \
        if (enter() == FAIL) {                                                                     \
            record("failed open", 0, 0, NULL, 0, NULL);                                            \
            pthread_mutex_unlock(&injector.lock);                                                  \
            errno = injector.error;                                                                \
            return NULL;                                                                           \
        }                                                                                          \
        FILE *file = real(path, mode);                                                             \
        int error = errno;                                                                         \
        if (file) opened(fileno(file), whole, stream_flags(mode));                                 \
        errno = error;                                                                             \
        leave();                                                                                   \
        return file;                                                                               \
    }

STREAM(fopen)
STREAM(fopen64)

static int64_t forget(int descriptor) {
    int64_t opening = injector.opened[descriptor];
    injector.opened[descriptor] = 0;
    return opening;
}

int fclose(FILE *file) {
    REAL(fclose);
    if (!file || !within(fileno(file))) return real(file);
    int fail = enter() == FAIL;
    record(fail ? "failed close" : "close", forget(fileno(file)), 0, NULL, 0, NULL);
    int result = real(file);
    leave();
    if (fail) errno = injector.error;
    return fail ? EOF : result;
}

int close(int descriptor) {
    REAL(close);
    if (!within(descriptor)) {
        if (descriptor >= 0 && descriptor < DESCRIPTORS) injector.opened[descriptor] = 0;
        return real(descriptor);
    }
    int fail = enter() == FAIL; // a close that fails closes all the same
    record(fail ? "failed close" : "close", forget(descriptor), 0, NULL, 0, NULL);
    int result = real(descriptor);
    leave();
    if (fail) errno = injector.error;
    return fail ? -1 : result;
}

// Write through `expression`, with `size` made smaller where that is the harm.
#define WRITE(descriptor, buffer, size, position, expression)                                      \
    do {                                                                                           \
        int harm = enter();                                                                        \
        if (harm == FAIL) {                                                                        \
            record("failed write", 0, 0, NULL, 0, NULL);                                           \
            pthread_mutex_unlock(&injector.lock);                                                  \
            errno = injector.error;                                                                \
            return -1;                                                                             \
        }                                                                                          \
        if (harm) size = (size + 1) / 2;                                                           \
        int64_t offset = (position);                                                               \
        ssize_t result = (expression);                                                             \
        int error = errno;                                                                         \
        if (result >= 0)                                                                           \
            record("write", injector.opened[descriptor], offset, buffer, (size_t)result, NULL);    \
        errno = error;                                                                             \
        leave();                                                                                   \
        return result;                                                                             \
    } while (0)

static int64_t position(int descriptor) {
    if (fcntl(descriptor, F_GETFL) & O_APPEND) return lseek(descriptor, 0, SEEK_END);
    return lseek(descriptor, 0, SEEK_CUR);
}

ssize_t write(int descriptor, const void *buffer, size_t size) {
    REAL(write);
    if (!within(descriptor)) return real(descriptor, buffer, size);
    WRITE(descriptor, buffer, size, position(descriptor), real(descriptor, buffer, size));
}

ssize_t pwrite(int descriptor, const void *buffer, size_t size, off_t at) {
    REAL(pwrite);
    if (!within(descriptor)) return real(descriptor, buffer, size, at);
    WRITE(descriptor, buffer, size, at, real(descriptor, buffer, size, at));
}

ssize_t pwrite64(int descriptor, const void *buffer, size_t size, off64_t at) {
    REAL(pwrite64);
    if (!within(descriptor)) return real(descriptor, buffer, size, at);
    WRITE(descriptor, buffer, size, at, real(descriptor, buffer, size, at));
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    REAL(writev);
    if (!within(descriptor)) return real(descriptor, parts, count);
    size_t size = 0;
    for (int i = 0; i < count; i++) size += parts[i].iov_len;
    char *joined = malloc(size ? size : 1), *next = joined;
    for (int i = 0; i < count; i++) {
        memcpy(next, parts[i].iov_base, parts[i].iov_len);
        next += parts[i].iov_len;
    }
    ssize_t result = write(descriptor, joined, size);
    free(joined);
    return result;
}

#define ON_DESCRIPTOR(name, what)                                                                  \
    int name(int descriptor) {                                                                     \
        REAL(name);                                                                                \
        if (!within(descriptor)) return real(descriptor);                                          \
        CALL(int, what, injector.opened[descriptor], 0, NULL, 0, NULL, real(descriptor));          \
    }

ON_DESCRIPTOR(fsync, "fsync")
ON_DESCRIPTOR(fdatasync, "fsync")

int ftruncate(int descriptor, off_t size) {
    REAL(ftruncate);
    if (!within(descriptor)) return real(descriptor, size);
    CALL(int, "truncate", injector.opened[descriptor], size, NULL, 0, NULL, real(descriptor, size));
}

int ftruncate64(int descriptor, off64_t size) {
    REAL(ftruncate64);
    if (!within(descriptor)) return real(descriptor, size);
    CALL(int, "truncate", injector.opened[descriptor], size, NULL, 0, NULL, real(descriptor, size));
}

#define ON_PATH(name, what, parameters, at, path, number, ...)                                     \
    int name parameters {                                                                          \
        REAL(name);                                                                                \
        char whole[PATH_MAX];                                                                      \
        if (!resolve(at, path, whole)) return real(__VA_ARGS__);                                   \
        CALL(int, what, 0, number, whole, strlen(whole), NULL, real(__VA_ARGS__));                 \
    }

ON_PATH(mkdir, "mkdir", (const char *path, mode_t mode), AT_FDCWD, path, mode, path, mode)
ON_PATH(mkdirat, "mkdir", (int at, const char *path, mode_t mode), at, path, mode, at, path, mode)
ON_PATH(rmdir, "rmdir", (const char *path), AT_FDCWD, path, 0, path)
ON_PATH(unlink, "unlink", (const char *path), AT_FDCWD, path, 0, path)
ON_PATH(unlinkat, "unlink", (int at, const char *path, int flags), at, path, flags, at, path, flags)

// Either side of a renaming or a hard link may be elsewhere; then the call is let through.
#define ON_TWO_PATHS(name, what, parameters, from_at, from, to_at, to, ...)                        \
    int name parameters {                                                                          \
        REAL(name);                                                                                \
        char source[PATH_MAX], target[PATH_MAX];                                                   \
        if (!resolve(from_at, from, source) || !resolve(to_at, to, target))                        \
            return real(__VA_ARGS__);                                                              \
        CALL(int, what, 0, 0, source, strlen(source), target, real(__VA_ARGS__));                  \
    }

ON_TWO_PATHS(rename, "rename", (const char *from, const char *to), AT_FDCWD, from, AT_FDCWD, to, from, to)
ON_TWO_PATHS(renameat, "rename", (int a, const char *from, int b, const char *to), a, from, b, to, a, from, b, to)
ON_TWO_PATHS(link, "link", (const char *from, const char *to), AT_FDCWD, from, AT_FDCWD, to, from, to)
ON_TWO_PATHS(linkat, "link", (int a, const char *from, int b, const char *to, int flags), a, from, b, to, a, from, b, to, flags)

int symlink(const char *content, const char *path) {
    REAL(symlink);
    char whole[PATH_MAX];
    if (!resolve(AT_FDCWD, path, whole)) return real(content, path);
    CALL(int, "symlink", 0, 0, content, strlen(content), whole, real(content, path));
}
