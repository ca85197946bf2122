// A load generator for one proxy: keep-alive connections, each with one request at a time, in one thread.
//
//   load ADDRESS PORT METHOD TARGET [-c CONNECTIONS] [-n REQUESTS | -d SECONDS] [-r RATE] [-s] [-q | -x] [-H FIELD]...
//
// -s: TLS. Without -r it is a closed loop. With -r request i is due at i/RATE seconds, whatever became of those before it, and its
// latency counts from then: a slow response also delays what waits behind it, and no measurement leaves that out ("coordinated
// omission"). It connects, sends one request on each connection (with -q: one at a time; with -x: none), writes "ready", and waits, so
// that what follows is a steady state. Each line on its standard input makes it generate the load once and print one line of JSON. It
// keeps the connections until the input ends.
//
// "####" in TARGET becomes the number of the connection: a proxy that asks the upstream once for identical requests does not have it easier.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_SIZE = 16 << 10, READ_SIZE = 256 << 10, READ_AHEAD = 64 << 10, REQUEST_SIZE = 64 << 10, EVENTS = 256 };

struct connection {
    int socket, number;
    SSL *tls;
    int64_t due; // of the request it carries, in ns
    int busy;
    int head_length; // bytes of the response's head so far; -1: the head is complete
    int64_t body_left;
    char head[HEAD_SIZE + 1];
};

static char request[REQUEST_SIZE], scratch[READ_SIZE], *number; // where a connection's number belongs in the request, or NULL
static int request_length, is_head, is_quiet, is_cold, epoll;
static struct connection **idle; // a ring, so that all connections take part
static int connections = 1, idle_first, idle_count;
static int64_t started, finished, bytes, *latencies, latency_room;

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (%s)\n", strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void put_idle(struct connection *it) {
    it->busy = 0;
    idle[(idle_first + idle_count++) % connections] = it;
}

static void send_request(struct connection *it, int64_t due) {
    it->due = due;
    it->busy = 1;
    it->head_length = 0;
    for (int digit = 3, rest = it->number; number && digit >= 0; digit--, rest /= 10) number[digit] = '0' + rest % 10;
    // A request is far smaller than a socket's buffer, so it is taken at once.
    ssize_t count = it->tls ? SSL_write(it->tls, request, request_length) : send(it->socket, request, request_length, MSG_NOSIGNAL);
    if (count != request_length) fail("send");
}

// Takes bytes of a response. Returns whether it is complete.
static int take(struct connection *it, char *data, int length) {
    if (it->head_length >= 0) {
        int used = length < HEAD_SIZE - it->head_length ? length : HEAD_SIZE - it->head_length;
        int before = it->head_length;
        memcpy(it->head + before, data, used);
        it->head_length += used;
        it->head[it->head_length] = 0;
        char *end = strstr(it->head, "\r\n\r\n");
        if (!end) {
            if (it->head_length == HEAD_SIZE) fail("a head of more than %d bytes", HEAD_SIZE);
            return 0;
        }
        int status = atoi(it->head + 9);
        char *size = strcasestr(it->head, "\r\ncontent-length:");
        if (status < 200 || status > 299 || !size || size > end) fail("response: %.*s", (int)(end - it->head), it->head);
        it->body_left = is_head ? 0 : atoll(size + 17);
        int taken = end + 4 - it->head - before;
        data += taken;
        length -= taken;
        it->head_length = -1;
    }
    if (length > it->body_left) fail("%d bytes after the response", length);
    it->body_left -= length;
    return it->body_left == 0;
}

static void complete(struct connection *it) {
    if (finished < latency_room) latencies[finished] = now() - it->due;
    finished++;
    put_idle(it);
}

static void receive(struct connection *it) {
    for (;;) {
        ssize_t count;
        if (it->tls) {
            count = SSL_read(it->tls, scratch, READ_SIZE);
            if (count <= 0 && SSL_get_error(it->tls, count) == SSL_ERROR_WANT_READ) return;
        } else {
            count = recv(it->socket, scratch, READ_SIZE, 0);
            if (count < 0 && errno == EAGAIN) return;
        }
        if (count <= 0) fail("the proxy closed a connection");
        bytes += count;
        if (!it->busy) fail("bytes without a request");
        if (take(it, scratch, count)) {
            complete(it);
            if (!it->tls || !SSL_has_pending(it->tls)) return; // the next read would find nothing
        } else if (!it->tls && count < READ_SIZE) {
            return;
        }
    }
}

static struct connection *open_connection(const char *host, int port, SSL_CTX *context) {
    struct connection *it = calloc(1, sizeof *it);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &address.sin_addr);
    it->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(it->socket, (struct sockaddr *)&address, sizeof address)) fail("connect");
    setsockopt(it->socket, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (context) {
        it->tls = SSL_new(context);
        SSL_set_fd(it->tls, it->socket);
        if (SSL_connect(it->tls) != 1) fail("TLS handshake");
    }
    fcntl(it->socket, F_SETFL, O_NONBLOCK);
    epoll_ctl(epoll, EPOLL_CTL_ADD, it->socket, &(struct epoll_event){.events = EPOLLIN, .data.ptr = it});
    return it;
}

static int is_over(int64_t sent, int64_t total, int64_t time, int64_t end) { return (total && sent >= total) || (end && time >= end); }

// Sends until `total` requests were sent or `end` has come (0: no bound), and waits for the responses. `rate`: requests a second; 0: closed loop.
static void generate(int64_t total, int64_t end, double rate) {
    int64_t sent = 0;
    started = now();
    finished = 0;
    for (;;) {
        int64_t time = now(), wait = -1;
        while (idle_count && !is_over(sent, total, time, end)) {
            int64_t due = rate > 0 ? started + (int64_t)(sent * 1e9 / rate) : time;
            if (due > time) {
                wait = due - time;
                break;
            }
            struct connection *it = idle[idle_first];
            idle_first = (idle_first + 1) % connections;
            idle_count--;
            sent++;
            send_request(it, due);
        }
        if (idle_count == connections && is_over(sent, total, time, end)) return;
        struct epoll_event events[EVENTS];
        struct timespec span = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};
        int count = epoll_pwait2(epoll, events, EVENTS, wait < 0 ? NULL : &span, NULL);
        for (int i = 0; i < count; i++) receive(events[i].data.ptr);
    }
}

static int ascending(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static double percentile(int64_t count, double share) {
    return count ? latencies[(int64_t)((count - 1) * share)] / 1000.0 : 0;
}

int main(int argc, char **argv) {
    if (argc < 5) fail("usage: load ADDRESS PORT METHOD TARGET [option]...");
    const char *method = argv[3];
    int64_t total = 0;
    double seconds = 0, rate = 0;
    SSL_CTX *context = NULL;
    is_head = !strcmp(method, "HEAD");
    request_length = snprintf(request, REQUEST_SIZE, "%s %s HTTP/1.1\r\nHost: %s:%s\r\n", method, argv[4], argv[1], argv[2]);
    number = strstr(request, "####");
    argv[4] = argv[0];
    for (int option; (option = getopt(argc - 4, argv + 4, "c:n:d:r:sqxH:")) != -1;) switch (option) {
        case 'c': connections = atoi(optarg); break;
        case 'n': total = atoll(optarg); break;
        case 'd': seconds = atof(optarg); break;
        case 'r': rate = atof(optarg); break;
        case 'H': request_length += snprintf(request + request_length, REQUEST_SIZE - request_length, "%s\r\n", optarg); break;
        case 's':
            context = SSL_CTX_new(TLS_client_method());
            SSL_CTX_set_read_ahead(context, 1);
            SSL_CTX_set_default_read_buffer_len(context, READ_AHEAD);
            break;
        case 'q': is_quiet = 1; break;
        case 'x': is_cold = 1; break;
        default: return 64;
    }
    request_length += snprintf(request + request_length, REQUEST_SIZE - request_length, "\r\n");
    prctl(PR_SET_TIMERSLACK, 1);
    signal(SIGPIPE, SIG_IGN);
    epoll = epoll_create1(0);
    idle = calloc(connections, sizeof *idle);
    for (int i = 0; i < connections; i++) {
        struct connection *it = open_connection(argv[1], atoi(argv[2]), context);
        it->number = i;
        put_idle(it);
    }
    for (int i = 0; is_quiet && i < connections; i++) generate(1, 0, 0);
    if (!is_quiet && !is_cold) generate(connections, 0, 0);
    puts("ready");
    fflush(stdout);
    latency_room = 1 << 22;
    latencies = calloc(latency_room, sizeof *latencies);
    while (getchar() == '\n') {
        bytes = 0;
        generate(total, seconds > 0 ? now() + (int64_t)(seconds * 1e9) : 0, rate);
        double took = (now() - started) / 1e9;
        int64_t kept = finished < latency_room ? finished : latency_room;
        qsort(latencies, kept, sizeof *latencies, ascending);
        printf("{\"requests\": %ld, \"bytes\": %ld, \"seconds\": %.6f, \"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"p999\": %.1f}\n", finished,
            bytes, took, percentile(kept, 0.5), percentile(kept, 0.9), percentile(kept, 0.99), percentile(kept, 0.999));
        fflush(stdout);
    }
}
