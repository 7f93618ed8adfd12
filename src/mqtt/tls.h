#pragma once

/*
 * What a broker must prove, and what we prove to it, as an OpenSSL context.
 * The library's own TLS set-up is not used: it is given an address, not a
 * name, and would send and check that.
 */

#include "otad/base/error.h"

struct mqtt_options;
struct ssl_ctx_st;

/*
 * Reads the files anew, so that a renewed certificate needs no restart. The
 * context holds all it needs. Returns owned (SSL_CTX_free(3)), or NULL with
 * `err`.
 */
struct ssl_ctx_st *tls_context_new(const struct mqtt_options *options,
				   struct ota_error *err) OTA_MUST_CHECK;

/* Why the peer's certificate was refused on the connection that used `tls`, or
 * NULL when it was not. */
const char *tls_refusal(const struct ssl_ctx_st *tls);
