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

// Has the kernel drop each SYN without ACK that reaches a listening TCP socket (socket(7), bpf(4); 13: the octet with the flags, RFC 9293 3.1), or not
// any more. -1: errno says why.
#include <linux/filter.h>
static inline int berth_drop_syn(int listener, int drops) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    return setsockopt(listener, SOL_SOCKET, drops ? SO_ATTACH_FILTER : SO_DETACH_FILTER, &program, sizeof program);
}

// Only declared with _GNU_SOURCE, which Swift's Glibc module does not define.
#include <pthread.h>
#include <sched.h>
extern int pthread_setname_np(pthread_t, const char *);
extern int sched_getaffinity(pid_t, size_t, cpu_set_t *);

#include <sys/uio.h>
extern ssize_t preadv2(int, const struct iovec *, int, off_t, int);
extern int mincore(void *, size_t, unsigned char *);

// cachestat(2), Linux 6.5, which no libc has yet: how many pages of a part of a file are in memory, also those that are only being read. -1: errno says why.
#include <unistd.h>
extern long syscall(long, ...);
static inline long berth_cached_pages(int file, unsigned long long offset, unsigned long long length) {
    struct { unsigned long long offset, length; } range = {offset, length};
    struct { unsigned long long cached, dirty, writeback, evicted, recently_evicted; } pages;
    return syscall(451, file, &range, &pages, 0) == 0 ? (long)pages.cached : -1;
}

// <malloc.h> is not in Swift's Glibc module. The bytes in use of all arenas, and of mappings of their own.
#include <malloc.h>
static inline size_t berth_allocated(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

// struct ucred is only declared with _GNU_SOURCE. Who is at the other end of a Unix socket; -1: errno says why.
static inline int berth_peer(int socket, pid_t *process, uid_t *user) {
    struct { pid_t process; uid_t user; gid_t group; } peer;
    socklen_t size = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, 17 /* SO_PEERCRED */, &peer, &size) != 0) return -1;
    *process = peer.process;
    *user = peer.user;
    return 0;
}

// CMSG_FIRSTHDR, CMSG_NXTHDR, CMSG_DATA, CMSG_LEN and CMSG_SPACE are macros. At most this many descriptors go with a message; the kernel's bound is 253.
#include <string.h>
#include <sys/uio.h>
#define BERTH_MAX_DESCRIPTORS 64
union berth_control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(BERTH_MAX_DESCRIPTORS * sizeof(int))];
};
static inline ssize_t berth_send(int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count) {
    union berth_control control;
    struct iovec vector = {(void *)bytes, count};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (descriptor_count > BERTH_MAX_DESCRIPTORS) descriptor_count = BERTH_MAX_DESCRIPTORS;
    if (descriptor_count > 0) {
        size_t size = descriptor_count * sizeof(int);
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(header), descriptors, size);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}
// `descriptors` has room for BERTH_MAX_DESCRIPTORS; those received are open also where the message is cut, which sets `cut`.
static inline ssize_t berth_receive(
    int socket, void *bytes, size_t count, int *descriptors, size_t *descriptor_count, int *cut) {
    union berth_control control;
    struct iovec vector = {bytes, count};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    *descriptor_count = 0;
    ssize_t received = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received < 0) return received;
    *cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t size = header->cmsg_len - CMSG_LEN(0);
        memcpy(descriptors + *descriptor_count, CMSG_DATA(header), size);
        *descriptor_count += size / sizeof(int);
    }
    return received;
}
