// The floor of a pull: the least that a program can do to pass a TLS upstream's response on. One thread, one client at a time, blocking sockets, no
// checks, no limits: a yardstick, not a proxy.
//
//   floor PLAIN_PORT TLS_PORT CERTIFICATE KEY UPSTREAM_PORT CA HOST TOKEN [FILES]
//
// What makes it cheap: OpenSSL reads 64 KiB from the upstream at a time, and the records in them are sent to the client together, in one call.
//
// With FILES, a directory, the floor of a hit: it sends the file that has the digest of the target as its name, by sendfile(2) or in sealed records.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_SIZE = 256 << 10, READ_AHEAD = 64 << 10, HEAD_SIZE = 64 << 10 };

static char buffer[BUFFER_SIZE];
static SSL *upstream;
static SSL_CTX *upstream_context;
static const char *host, *token, *files;
static int upstream_port;

static void check(int is_good, const char *what) {
    if (is_good) return;
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listen_at(int port) {
    struct sockaddr_in address = loopback(port);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    check(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 64) == 0, "listen");
    return listener;
}

static void connect_upstream(void) {
    struct sockaddr_in address = loopback(upstream_port);
    int connected = socket(AF_INET, SOCK_STREAM, 0);
    check(connect(connected, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    setsockopt(connected, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    upstream = SSL_new(upstream_context);
    SSL_set_fd(upstream, connected);
    SSL_set_tlsext_host_name(upstream, host);
    SSL_set1_host(upstream, host);
    check(SSL_connect(upstream) == 1, "TLS handshake with the upstream");
}

// Sends all of it. Returns whether the client took it.
static int put(int client, SSL *tls, const char *data, int length) {
    while (length) {
        int count = tls ? SSL_write(tls, data, length) : (int)send(client, data, length, MSG_NOSIGNAL);
        if (count <= 0) return 0;
        data += count;
        length -= count;
    }
    return !tls || BIO_flush(SSL_get_wbio(tls)) == 1;
}

// Sends the file of a target. Returns whether the client took it.
static int put_file(int client, SSL *tls, const char *target) {
    char path[4096];
    struct stat status;
    const char *name = strrchr(target, ':');
    snprintf(path, sizeof path, "%s/%s", files, name ? name + 1 : "");
    int file = open(path, O_RDONLY);
    check(file >= 0 && fstat(file, &status) == 0, path);
    int length = snprintf(buffer, BUFFER_SIZE, "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\n\r\n", (long)status.st_size);
    int is_taken = put(client, tls, buffer, length);
    for (off_t at = 0; is_taken && at < status.st_size;) {
        if (tls) {
            ssize_t count = pread(file, buffer, READ_AHEAD, at);
            check(count > 0, "read");
            is_taken = put(client, tls, buffer, (int)count);
            at += count;
        } else {
            is_taken = sendfile(client, file, &at, status.st_size - at) > 0;
        }
    }
    close(file);
    return is_taken;
}

// Passes one request and its response on. Returns whether the client may send another.
static int exchange(int client, SSL *tls) {
    char head[HEAD_SIZE], method[16], target[4096];
    int length = 0;
    do {
        int count = tls ? SSL_read(tls, head + length, HEAD_SIZE - 1 - length) : (int)recv(client, head + length, HEAD_SIZE - 1 - length, 0);
        if (count <= 0) return 0;
        head[length += count] = 0;
    } while (!strstr(head, "\r\n\r\n") && length < HEAD_SIZE - 1);
    if (sscanf(head, "%15s %4095s", method, target) != 2) return 0;
    if (files) return put_file(client, tls, target);
    length = snprintf(head, HEAD_SIZE, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\n\r\n", method, target, host, token);
    check(SSL_write(upstream, head, length) == length, "write to the upstream");
    long left = -1; // of the response; -1: its head is not complete
    do {
        int filled = 0;
        do {
            int count = SSL_read(upstream, buffer + filled, BUFFER_SIZE - 1 - filled);
            check(count > 0, "read from the upstream");
            filled += count;
        } while (filled < READ_AHEAD && SSL_has_pending(upstream) && (left < 0 || filled < left));
        buffer[filled] = 0;
        if (left < 0) {
            char *end = strstr(buffer, "\r\n\r\n"), *size = strcasestr(buffer, "\r\ncontent-length:");
            check(end && size, "a response with a length");
            left = end + 4 - buffer + (strcmp(method, "HEAD") ? atol(size + 17) : 0);
        }
        left -= filled;
        if (!put(client, tls, buffer, filled)) exit(1);
    } while (left);
    return 1;
}

static void serve(int listener, SSL_CTX *context) {
    int client = accept(listener, NULL, NULL);
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (!files) connect_upstream();
    SSL *tls = NULL;
    if (context) {
        tls = SSL_new(context);
        SSL_set_fd(tls, client);
        if (SSL_accept(tls) == 1) {
            BIO *coalescing = BIO_new(BIO_f_buffer());
            BIO_set_write_buffer_size(coalescing, 2 * READ_AHEAD);
            SSL_set0_wbio(tls, BIO_push(coalescing, BIO_new_socket(client, BIO_NOCLOSE)));
            while (exchange(client, tls)) {}
        }
        SSL_free(tls);
    } else {
        while (exchange(client, NULL)) {}
    }
    close(client);
    if (files) return;
    close(SSL_get_fd(upstream));
    SSL_free(upstream);
}

int main(int argc, char **argv) {
    check(argc == 9 || argc == 10, "floor PLAIN_PORT TLS_PORT CERTIFICATE KEY UPSTREAM_PORT CA HOST TOKEN [FILES]");
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    // As the proxies.
    SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
    check(SSL_CTX_use_certificate_chain_file(context, argv[3]) == 1, "certificate");
    check(SSL_CTX_use_PrivateKey_file(context, argv[4], SSL_FILETYPE_PEM) == 1, "key");
    upstream_port = atoi(argv[5]);
    host = argv[7];
    token = argv[8];
    files = argv[9]; // NULL: the argument is not there
    upstream_context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_ciphersuites(upstream_context, "TLS_AES_128_GCM_SHA256");
    check(SSL_CTX_load_verify_file(upstream_context, argv[6]) == 1, "authority");
    SSL_CTX_set_verify(upstream_context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_read_ahead(upstream_context, 1);
    SSL_CTX_set_default_read_buffer_len(upstream_context, READ_AHEAD);
    struct pollfd listeners[] = {{.fd = listen_at(atoi(argv[1])), .events = POLLIN}, {.fd = listen_at(atoi(argv[2])), .events = POLLIN}};
    for (;;) {
        poll(listeners, 2, -1);
        for (int i = 0; i < 2; i++)
            if (listeners[i].revents) serve(listeners[i].fd, i ? context : NULL);
    }
}
