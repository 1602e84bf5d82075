#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* What OpenSSL has as a macro, as a variadic function or as a stack of a generated type, which
   Swift does not see. Each calls what its name says, and nothing else. */

static inline int copenssl_only_tls13(SSL_CTX *context) {
    return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION)
        && SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
}

static inline int copenssl_set_groups(SSL_CTX *context, const char *names) {
    return (int)SSL_CTX_set1_groups_list(context, names);
}

/* No session is kept or resumed, so that every connection shows its certificates. */
static inline void copenssl_set_no_resumption(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
}

static inline void copenssl_set_certificates_byte_count_max(SSL_CTX *context, long count) {
    SSL_CTX_set_max_cert_list(context, count);
}

/* Buffers of a connection that waits are given back. */
static inline void copenssl_release_buffers(SSL_CTX *context) {
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
}

/* Adds a reference of its own to the certificate. */
static inline int copenssl_add_chain_certificate(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}

static inline int copenssl_set_owner(SSL *ssl, void *owner) { return SSL_set_app_data(ssl, owner); }
static inline void *copenssl_owner(const SSL *ssl) { return SSL_get_app_data(ssl); }

static inline size_t copenssl_pending(BIO *bio) { return BIO_ctrl_pending(bio); }

static inline EVP_PKEY *copenssl_make_p256_key(void) { return EVP_EC_gen("P-256"); }

static inline int copenssl_certificate_count(const STACK_OF(X509) *certificates) {
    return sk_X509_num(certificates);
}

static inline X509 *copenssl_certificate(const STACK_OF(X509) *certificates, int index) {
    return sk_X509_value(certificates, index);
}

static inline int copenssl_name_count(const GENERAL_NAMES *names) {
    return sk_GENERAL_NAME_num(names);
}

/* The text of a name that is a URI; NULL for names of other kinds. */
static inline const ASN1_IA5STRING *copenssl_uri(const GENERAL_NAMES *names, int index) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    return name->type == GEN_URI ? name->d.uniformResourceIdentifier : NULL;
}

/* The extensions that a certificate request asks for; NULL when it asks for none. */
static inline STACK_OF(X509_EXTENSION) *copenssl_requested_extensions(X509_REQ *request) {
    return X509_REQ_get_extensions(request);
}

static inline int copenssl_extension_count(const STACK_OF(X509_EXTENSION) *extensions) {
    return sk_X509_EXTENSION_num(extensions);
}

static inline X509_EXTENSION *copenssl_extension(
    const STACK_OF(X509_EXTENSION) *extensions, int index) {
    return sk_X509_EXTENSION_value(extensions, index);
}

static inline void copenssl_free_extensions(STACK_OF(X509_EXTENSION) *extensions) {
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}
