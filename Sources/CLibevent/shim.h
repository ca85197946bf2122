#pragma once
// Debian's event-config.h defines _GNU_SOURCE. <features.h> comes first, or fd_set differs from Glibc's and the import fails.
#include <features.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>

// accept4() takes a transparent union, which Swift cannot make, and is only declared with _GNU_SOURCE.
extern int accept4(int, struct sockaddr *, socklen_t *, int);
static inline int berth_accept(int listener, struct sockaddr_storage *peer) {
    socklen_t size = sizeof *peer;
    return accept4(listener, (struct sockaddr *)peer, &size, 04000 /* SOCK_NONBLOCK */ | 02000000 /* SOCK_CLOEXEC */);
}

// Only declared with _GNU_SOURCE, which Swift's Glibc module does not define.
#include <pthread.h>
extern int pthread_setname_np(pthread_t, const char *);

// <malloc.h> is not in Swift's Glibc module.
extern int malloc_trim(size_t);
