#include "link-error.h"

#include <errno.h>
#include <string.h>

#include <mosquitto.h>

#include "tls.h"

static bool explain_tls(const struct ssl_ctx_st *tls, const char *note,
			struct ota_error *err)
{
	const char *refusal = tls_refusal(tls);

	if (refusal)
		return ota_fail(err, OTA_ERROR_NETWORK,
				"certificate refused: %s", refusal);
	return ota_fail(err, OTA_ERROR_NETWORK, "TLS failed: %s",
			note[0] ? note : "unknown reason");
}

static bool explain_loss(const struct ssl_ctx_st *tls, const char *note,
			 int sys_errno, struct ota_error *err)
{
	if (tls && note[0])
		return explain_tls(tls, note, err);
	/* EPROTO: the library's word for any end of TLS. */
	if (sys_errno == 0 || sys_errno == EAGAIN || sys_errno == EPROTO)
		return ota_fail(err, OTA_ERROR_NETWORK, "connection closed");
	return ota_fail(err, OTA_ERROR_NETWORK, "%s", strerror(sys_errno));
}

bool link_explain(const struct ssl_ctx_st *tls, const char *note, int rc,
		  int sys_errno, struct ota_error *err)
{
	switch (rc) {
	case MOSQ_ERR_NOMEM:
		return ota_fail_memory(err, "talk to the broker");
	case MOSQ_ERR_TLS:
	case MOSQ_ERR_TLS_HANDSHAKE:
		return explain_tls(tls, note, err);
	case MOSQ_ERR_ERRNO:
		return explain_loss(tls, note, sys_errno, err);
	case MOSQ_ERR_CONN_LOST:
	case MOSQ_ERR_NO_CONN:
		return explain_loss(tls, note, 0, err);
	case MOSQ_ERR_KEEPALIVE:
		return ota_fail(err, OTA_ERROR_TIMEOUT,
				"no answer within the keepalive period");
	case MOSQ_ERR_PROTOCOL:
	case MOSQ_ERR_MALFORMED_PACKET:
	case MOSQ_ERR_MALFORMED_UTF8:
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"what it sends is not MQTT 3.1.1");
	default:
		return ota_fail(err, OTA_ERROR_NETWORK, "%s",
				mosquitto_strerror(rc));
	}
}

/* MQTT 3.1.1, table 3.1. */
bool link_explain_refusal(int code, bool *ret_barred, struct ota_error *err)
{
	static const struct {
		const char *reason;
		bool barred;
	} refusals[] = {
		{"accepted", false},
		{"protocol version not accepted", true},
		{"client id not accepted", true},
		{"service unavailable", false},
		{"bad user name or password", true},
		{"not authorised", true},
	};

	if (code < 0 || (size_t)code >= OTA_ARRAY_SIZE(refusals)) {
		*ret_barred = false;
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"refused with the unknown code %d", code);
	}
	*ret_barred = refusals[code].barred;
	return ota_fail(err,
			*ret_barred ? OTA_ERROR_PERMISSION : OTA_ERROR_NETWORK,
			"refused: %s", refusals[code].reason);
}
