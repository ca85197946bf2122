// A library to preload: every receipt from a socket takes as many microseconds as the file says that WORK_FILE names, which may change at any time. So a
// program on any machine can be given more to do than it can.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static long microseconds(void) {
    char text[32] = {0};
    int file = open(getenv("WORK_FILE"), O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, text, sizeof text - 1) < 0) return 0;
    close(file);
    return atol(text);
}

ssize_t recv(int socket, void *buffer, size_t length, int flags) {
    static ssize_t (*real)(int, void *, size_t, int);
    if (!real) real = (ssize_t (*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv");
    ssize_t count = real(socket, buffer, length, flags);
    if (count > 0 && !(flags & MSG_PEEK)) {
        struct timespec pause = {0, microseconds() * 1000};
        nanosleep(&pause, 0);
    }
    return count;
}
