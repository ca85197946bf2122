// A library to preload. Calls on files below the directory that SLOW_DISK names take SLOW_DISK_MS milliseconds longer, and wait for as long as the file
// that SLOW_DISK_HANG names exists; but not reads that do not wait for the disk (RWF_NOWAIT). With SLOW_DISK_REMOTE the directory is like one of NFS:
// there are no such reads, and sendfile and mmap wait as the others do.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int is_slow(int file) {
    char link[64], path[4096];
    const char *slow = getenv("SLOW_DISK");
    if (!slow) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, slow, strlen(slow)) == 0;
}

static void pause_for(long ms) {
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static void wait_for(int file) {
    const char *time = getenv("SLOW_DISK_MS"), *hang = getenv("SLOW_DISK_HANG");
    int saved = errno;
    if (is_slow(file)) {
        if (time) pause_for(atol(time));
        while (hang && access(hang, F_OK) == 0) pause_for(20);
    }
    errno = saved;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
// A call whose first argument is the file or its directory.
#define SLOW(type, name, parameters, file, arguments) type name parameters { REAL(name); wait_for(file); return real arguments; }

SLOW(ssize_t, pwrite, (int file, const void *bytes, size_t count, off_t at), file, (file, bytes, count, at))
SLOW(ssize_t, pwrite64, (int file, const void *bytes, size_t count, off64_t at), file, (file, bytes, count, at))
SLOW(ssize_t, pread, (int file, void *bytes, size_t count, off_t at), file, (file, bytes, count, at))
SLOW(ssize_t, pread64, (int file, void *bytes, size_t count, off64_t at), file, (file, bytes, count, at))
SLOW(ssize_t, read, (int file, void *bytes, size_t count), file, (file, bytes, count))
SLOW(int, fsync, (int file), file, (file))
SLOW(int, fdatasync, (int file), file, (file))
SLOW(int, fstat, (int file, struct stat *status), file, (file, status))
SLOW(int, fstatat, (int file, const char *name, struct stat *status, int flags), file, (file, name, status, flags))
SLOW(int, fstatvfs, (int file, struct statvfs *space), file, (file, space))
SLOW(int, mkdirat, (int file, const char *name, mode_t mode), file, (file, name, mode))
SLOW(int, renameat, (int file, const char *old, int to, const char *new), file, (file, old, to, new))
SLOW(int, unlinkat, (int file, const char *name, int flags), file, (file, name, flags))
SLOW(int, utimensat, (int file, const char *name, const struct timespec times[2], int flags), file, (file, name, times, flags))
SLOW(int, posix_fadvise, (int file, off_t at, off_t count, int advice), file, (file, at, count, advice))
SLOW(DIR *, fdopendir, (int file), file, (file))

int openat(int directory, const char *name, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    REAL(openat);
    wait_for(directory);
    return real(directory, name, flags, mode);
}

ssize_t preadv2(int file, const struct iovec *parts, int count, off_t at, int flags) {
    REAL(preadv2);
    if (flags & RWF_NOWAIT && getenv("SLOW_DISK_REMOTE") && is_slow(file)) return errno = EOPNOTSUPP, -1;
    return real(file, parts, count, at, flags);
}
ssize_t sendfile(int socket, int file, off_t *at, size_t count) {
    REAL(sendfile);
    if (getenv("SLOW_DISK_REMOTE")) wait_for(file);
    return real(socket, file, at, count);
}
void *mmap(void *address, size_t length, int protection, int flags, int file, off_t at) {
    REAL(mmap);
    if (file >= 0 && getenv("SLOW_DISK_REMOTE")) wait_for(file);
    return real(address, length, protection, flags, file, at);
}
