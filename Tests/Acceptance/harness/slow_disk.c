// A library to preload: each call that reads or writes a file below the directory that SLOW_DISK names takes SLOW_DISK_MS milliseconds longer, except
// for reads that do not wait for the disk (RWF_NOWAIT).
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static void wait_for(int file) {
    char link[64], path[4096];
    const char *slow = getenv("SLOW_DISK"), *time = getenv("SLOW_DISK_MS");
    if (!slow || !time) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    if (strncmp(path, slow, strlen(slow)) != 0) return;
    long ms = atol(time);
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
    REAL(pwrite);
    wait_for(file);
    return real(file, bytes, count, at);
}
ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    REAL(pwrite64);
    wait_for(file);
    return real(file, bytes, count, at);
}
ssize_t pread(int file, void *bytes, size_t count, off_t at) {
    REAL(pread);
    wait_for(file);
    return real(file, bytes, count, at);
}
ssize_t pread64(int file, void *bytes, size_t count, off64_t at) {
    REAL(pread64);
    wait_for(file);
    return real(file, bytes, count, at);
}
ssize_t read(int file, void *bytes, size_t count) {
    REAL(read);
    wait_for(file);
    return real(file, bytes, count);
}
int fsync(int file) {
    REAL(fsync);
    wait_for(file);
    return real(file);
}
int fdatasync(int file) {
    REAL(fdatasync);
    wait_for(file);
    return real(file);
}
int renameat(int from, const char *old, int to, const char *new) {
    REAL(renameat);
    wait_for(from);
    return real(from, old, to, new);
}
int unlinkat(int directory, const char *name, int flags) {
    REAL(unlinkat);
    wait_for(directory);
    return real(directory, name, flags);
}
int posix_fadvise(int file, off_t at, off_t count, int advice) {
    REAL(posix_fadvise);
    wait_for(file);
    return real(file, at, count, advice);
}
