#pragma once

#include <string.h>
#include <sys/prctl.h>
#include <uv.h>

/* libuv's handles begin with the members of their base types, and C goes from one to the other by
   a pointer cast, which Swift does not have. */

/* A TCP handle with the one request of each kind that it may have in flight. */
typedef struct clibuv_tcp {
    uv_tcp_t handle;
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
} clibuv_tcp;

static inline uv_tcp_t *clibuv_tcp_handle(clibuv_tcp *tcp) { return &tcp->handle; }
static inline uv_connect_t *clibuv_tcp_connect(clibuv_tcp *tcp) { return &tcp->connect; }
static inline uv_write_t *clibuv_tcp_write(clibuv_tcp *tcp) { return &tcp->write; }
static inline uv_shutdown_t *clibuv_tcp_shutdown(clibuv_tcp *tcp) { return &tcp->shutdown; }
static inline uv_stream_t *clibuv_tcp_stream(clibuv_tcp *tcp) {
    return (uv_stream_t *)&tcp->handle;
}
static inline uv_handle_t *clibuv_tcp_base(clibuv_tcp *tcp) { return (uv_handle_t *)&tcp->handle; }
static inline uv_handle_t *clibuv_stream_base(uv_stream_t *stream) { return (uv_handle_t *)stream; }
static inline uv_handle_t *clibuv_async_base(uv_async_t *async) { return (uv_handle_t *)async; }
static inline uv_handle_t *clibuv_timer_base(uv_timer_t *timer) { return (uv_handle_t *)timer; }
static inline uv_req_t *clibuv_lookup_base(uv_getaddrinfo_t *lookup) { return (uv_req_t *)lookup; }

static inline const struct sockaddr *clibuv_sockaddr(const struct sockaddr_storage *address) {
    return (const struct sockaddr *)address;
}

/* Reads a numeric IPv4 or IPv6 address; 0, or UV_EINVAL when it is neither. */
static inline int clibuv_parse_address(
    const char *host, uint16_t port, struct sockaddr_storage *address) {
    memset(address, 0, sizeof *address);
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)address) == 0) return 0;
    memset(address, 0, sizeof *address);
    return uv_ip6_addr(host, port, (struct sockaddr_in6 *)address);
}

/* Asks for the addresses of a name; within the call when there is no callback. */
static inline int clibuv_resolve(
    uv_loop_t *loop, uv_getaddrinfo_t *request, uv_getaddrinfo_cb callback, const char *host,
    int flags) {
    struct addrinfo hints = {.ai_flags = flags, .ai_socktype = SOCK_STREAM};
    return uv_getaddrinfo(loop, request, callback, host, NULL, &hints);
}

/* Copies what the resolver found and puts the port in; UV_EAFNOSUPPORT for other families. */
static inline int clibuv_copy_address(
    const struct addrinfo *found, uint16_t port, struct sockaddr_storage *address) {
    memset(address, 0, sizeof *address);
    if (found->ai_family == AF_INET) {
        memcpy(address, found->ai_addr, sizeof(struct sockaddr_in));
        ((struct sockaddr_in *)address)->sin_port = htons(port);
        return 0;
    }
    if (found->ai_family == AF_INET6) {
        memcpy(address, found->ai_addr, sizeof(struct sockaddr_in6));
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
        return 0;
    }
    return UV_EAFNOSUPPORT;
}

/* The numeric address and port that a handle is bound to; `text` holds INET6_ADDRSTRLEN bytes. */
static inline int clibuv_bound_address(clibuv_tcp *tcp, char *text, uint16_t *port) {
    struct sockaddr_storage address;
    int length = sizeof address;
    int status = uv_tcp_getsockname(&tcp->handle, (struct sockaddr *)&address, &length);
    if (status != 0) return status;
    if (address.ss_family == AF_INET) {
        *port = ntohs(((struct sockaddr_in *)&address)->sin_port);
        return uv_ip4_name((struct sockaddr_in *)&address, text, INET6_ADDRSTRLEN);
    }
    *port = ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return uv_ip6_name((struct sockaddr_in6 *)&address, text, INET6_ADDRSTRLEN);
}

/* Names the calling thread; Linux keeps 15 bytes. */
static inline void clibuv_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
