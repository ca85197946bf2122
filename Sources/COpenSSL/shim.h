#pragma once
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

// Most of the functions below wrap macros, which Swift cannot see.

// Read-ahead: one recv() takes a whole record or several, instead of two calls for each (5-byte header, then body).
static inline void berth_read_ahead(SSL_CTX *context) { SSL_CTX_set_read_ahead(context, 1); }
static inline void berth_non_blocking_modes(SSL_CTX *context) {
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
}
static inline void berth_release_buffers(SSL *ssl, bool releases) {
    if (releases) SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    else SSL_clear_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
}
// Of the TLS 1.3 cipher suites that the system's configuration allows, AES-128-GCM comes first, as with AWS, Go and BoringSSL: OpenSSL's own order
// begins with AES-256-GCM, which costs a tenth more for each byte.
static inline void berth_prefer_aes128(SSL_CTX *context) {
    STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(context);
    char names[512] = "";
    int allows = 0;
    for (int at = 0; at < sk_SSL_CIPHER_num(ciphers); at++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, at);
        const char *name = SSL_CIPHER_get_name(cipher);
        if (SSL_CIPHER_get_protocol_id(cipher) == 0x1301) {
            allows = 1;
        } else if (strcmp(SSL_CIPHER_get_version(cipher), "TLSv1.3") == 0 && strlen(names) + strlen(name) + 2 < sizeof names) {
            strcat(names, ":");
            strcat(names, name);
        }
    }
    char order[600] = TLS1_3_RFC_AES_128_GCM_SHA256;
    if (allows) SSL_CTX_set_ciphersuites(context, strcat(order, names));
}
// A client could send handshake messages (KeyUpdate, RFC 8446 4.6.3) without end. Without AUTO_RETRY, SSL_read returns when what it has read ahead is
// used up, and the callback counts the messages in the session's application data.
static inline intptr_t berth_message_count(const SSL *ssl) { return (intptr_t)SSL_get_app_data(ssl); }
static inline void berth_set_message_count(SSL *ssl, intptr_t count) { SSL_set_app_data(ssl, (void *)count); }
static inline void berth_count_message(const SSL *ssl, int where, int result) {
    (void)result;
    if ((where & SSL_CB_ACCEPT_LOOP) == SSL_CB_ACCEPT_LOOP) berth_set_message_count((SSL *)ssl, berth_message_count(ssl) + 1);
}
static inline void berth_count_messages(SSL_CTX *context) {
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_info_callback(context, berth_count_message);
}
static inline void berth_tls12_at_least(SSL_CTX *context) { SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION); }
static inline void berth_server_name(SSL *ssl, const char *name) { SSL_set_tlsext_host_name(ssl, name); }
static inline void berth_bio_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }
static inline void berth_bio_retry_write(BIO *bio) { BIO_set_retry_write(bio); }
static inline X509 *berth_chain_certificate(SSL_CTX *context, int index) {
    STACK_OF(X509) *chain = NULL;
    if (index == 0) return SSL_CTX_get0_certificate(context);
    SSL_CTX_get0_chain_certs(context, &chain);
    return index <= sk_X509_num(chain) ? sk_X509_value(chain, index - 1) : NULL;
}
static const uint64_t berth_server_options = SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_COMPRESSION;
static inline EVP_PKEY *berth_p256_key(void) { return EVP_EC_gen("P-256"); }
static inline long berth_pem_bytes(BIO *memory, char **start) { return BIO_get_mem_data(memory, start); }
// The DNS name at this place among a server's names: its length, or -1 past the last.
static inline int berth_dns_name(X509 *certificate, int index, char *text, int size) {
    GENERAL_NAMES *names = (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int length = -1, count = sk_GENERAL_NAME_num(names);
    for (int at = 0; at < count; at++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, at);
        if (name->type != GEN_DNS || ASN1_STRING_length(name->d.dNSName) > size || index-- > 0) continue;
        length = ASN1_STRING_length(name->d.dNSName);
        memcpy(text, ASN1_STRING_get0_data(name->d.dNSName), (size_t)length);
        break;
    }
    GENERAL_NAMES_free(names);
    return length;
}
// Whether the system's store leads to this server's certificate, by way of the others. Dates are not looked at.
static inline int berth_is_trusted_by_system(X509 *leaf, X509 *const *others, int count) {
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int trusted = 0;
    for (int at = 0; at < count; at++) sk_X509_push(chain, others[at]);
    if (X509_STORE_set_default_paths(store) == 1 && X509_STORE_CTX_init(context, store, leaf, chain) == 1) {
        X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
        X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME);
        trusted = X509_verify_cert(context) == 1;
    }
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    sk_X509_free(chain);
    return trusted;
}
static const int berth_utf8_string = MBSTRING_UTF8;

// prctl() is variadic, which Swift cannot call.
static inline int berth_set_undumpable(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
