#include "tls.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "otad/mqtt/mqtt.h"

#include "link.h"

OTA_DEFINE_CLEANUP(SSL_CTX *, SSL_CTX_free)

static bool tls_fail(struct ota_error *err, enum ota_error_kind kind,
		     const char *what, const char *path)
{
	/* The first of the queue is the cause, the others only pass it on. */
	unsigned long code = ERR_peek_error();
	const char *reason = ERR_SYSTEM_ERROR(code)
				     ? strerror(ERR_GET_REASON(code))
				     : ERR_reason_error_string(code);

	ERR_clear_error();
	return ota_fail(err, kind, "%s %s: %s", what, path,
			reason ? reason : "unusable");
}

/* Without this, OpenSSL would ask for a pass phrase on the terminal. */
static int no_pass_phrase(char *buffer, int size, int writing, void *user_data)
{
	return -1;
}

/*
 * The server name to ask for is the name to check. It is set this late because
 * the library sets the address just before.
 */
static void set_server_name(const SSL *ssl, int where, int value)
{
	SSL *own = (SSL *)ssl;

	if (where & SSL_CB_HANDSHAKE_START)
		SSL_set_tlsext_host_name(own, X509_VERIFY_PARAM_get0_host(
						      SSL_get0_param(own), 0));
}

/*
 * Kept in the context, which serves one connection: the library may free the
 * connection before anybody can ask it.
 */
static int note_refusal(int accepted, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
		store, SSL_get_ex_data_X509_STORE_CTX_idx());
	intptr_t reason = X509_STORE_CTX_get_error(store);

	if (!accepted)
		SSL_CTX_set_app_data(SSL_get_SSL_CTX(ssl), (void *)reason);
	return accepted;
}

const char *tls_refusal(const SSL_CTX *tls)
{
	intptr_t reason = (intptr_t)SSL_CTX_get_app_data(tls);

	return reason ? X509_verify_cert_error_string(reason) : NULL;
}

static bool expect_name(SSL_CTX *ctx, const char *host, struct ota_error *err)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
	int done;

	X509_VERIFY_PARAM_set_hostflags(param,
					X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (link_is_address(host))
		done = X509_VERIFY_PARAM_set1_ip_asc(param, host);
	else
		done = X509_VERIFY_PARAM_set1_host(param, host, 0);
	if (!done)
		return tls_fail(err, OTA_ERROR_INTERNAL, "broker name", host);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, note_refusal);
	SSL_CTX_set_info_callback(ctx, set_server_name);
	return true;
}

static bool trust(SSL_CTX *ctx, const char *ca_file, struct ota_error *err)
{
	if (!ca_file) {
		if (SSL_CTX_set_default_verify_paths(ctx) != 1)
			return tls_fail(err, OTA_ERROR_INTERNAL,
					"certificate authorities of",
					"the system");
		return true;
	}
	if (SSL_CTX_load_verify_file(ctx, ca_file) != 1)
		return tls_fail(err, OTA_ERROR_PERMISSION,
				"certificate authorities in", ca_file);
	return true;
}

static bool identify(SSL_CTX *ctx, const char *cert_file, const char *key_file,
		     struct ota_error *err)
{
	if (!cert_file)
		return true;
	if (!key_file)
		key_file = cert_file;
	SSL_CTX_set_default_passwd_cb(ctx, no_pass_phrase);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
		return tls_fail(err, OTA_ERROR_PERMISSION, "certificate",
				cert_file);
	if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
		return tls_fail(err, OTA_ERROR_PERMISSION, "private key",
				key_file);
	return true;
}

SSL_CTX *tls_context_new(const struct mqtt_options *options,
			 struct ota_error *err)
{
	OTA_CLEANUP(SSL_CTX_freep) SSL_CTX *ctx = NULL;

	ERR_clear_error();
	ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx) {
		ota_fail_memory(err, "set up TLS");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	if (!trust(ctx, options->ca_file, err) ||
	    !identify(ctx, options->cert_file, options->key_file, err) ||
	    !expect_name(ctx, options->host, err))
		return NULL;
	return OTA_TAKE(ctx);
}
