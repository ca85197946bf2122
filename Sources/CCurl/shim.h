#pragma once
#include <curl/curl.h>

// curl_easy_setopt, curl_easy_getinfo and curl_multi_setopt are variadic, which Swift cannot call. One function for each type of argument.
typedef size_t (*berth_curl_data)(char *, size_t, size_t, void *);
typedef int (*berth_curl_socket)(CURL *, curl_socket_t, int, void *, void *);
typedef int (*berth_curl_timer)(CURLM *, long, void *);
static inline CURLcode berth_easy_long(CURL *c, CURLoption o, long v) { return curl_easy_setopt(c, o, v); }
static inline CURLcode berth_easy_offset(CURL *c, CURLoption o, curl_off_t v) { return curl_easy_setopt(c, o, v); }
static inline CURLcode berth_easy_string(CURL *c, CURLoption o, const char *v) { return curl_easy_setopt(c, o, v); }
static inline CURLcode berth_easy_pointer(CURL *c, CURLoption o, void *v) { return curl_easy_setopt(c, o, v); }
static inline CURLcode berth_easy_list(CURL *c, CURLoption o, struct curl_slist *v) { return curl_easy_setopt(c, o, v); }
static inline CURLcode berth_easy_data(CURL *c, CURLoption o, berth_curl_data v) { return curl_easy_setopt(c, o, v); }
static inline CURLcode berth_easy_get_long(CURL *c, CURLINFO i, long *v) { return curl_easy_getinfo(c, i, v); }
static inline CURLcode berth_easy_get_string(CURL *c, CURLINFO i, char **v) { return curl_easy_getinfo(c, i, v); }
static inline CURLcode berth_easy_get_pointer(CURL *c, CURLINFO i, void **v) { return curl_easy_getinfo(c, i, v); }
static inline CURLMcode berth_multi_socket(CURLM *m, berth_curl_socket v) { return curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, v); }
static inline CURLMcode berth_multi_timer(CURLM *m, berth_curl_timer v) { return curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, v); }
static inline CURLMcode berth_multi_pointer(CURLM *m, CURLMoption o, void *v) { return curl_multi_setopt(m, o, v); }
