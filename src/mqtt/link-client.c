#include "link-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <mosquitto.h>
#include <openssl/ssl.h>

#include "link-error.h"

/* Messages handled in one go before other sources of the loop get a turn. */
#define LINK_BURST 32

/* MQTT 3.1.1, table 3.1 and section 3.9.3. */
#define CONNACK_ACCEPTED       0
#define SUBACK_MAX_GRANTED_QOS 2

void link_fail(struct link *link, const struct ota_error *why)
{
	if (link->failed)
		return;
	link->failed = true;
	link->why = *why;
}

void link_fail_text(struct link *link, enum ota_error_kind kind,
		    const char *text)
{
	struct ota_error why = OTA_ERROR_INIT;

	ota_fail(&why, kind, "%s", text);
	link_fail(link, &why);
}

static void on_connect(struct mosquitto *client, void *user_data, int code)
{
	struct link *link = user_data;
	struct ota_error why = OTA_ERROR_INIT;

	link->packet_ended = true;
	if (link->orphaned || link->failed)
		return;
	if (link->accepted) {
		link_fail_text(link, OTA_ERROR_PROTOCOL,
			       "two answers to one connect");
		return;
	}
	if (code != CONNACK_ACCEPTED) {
		link_explain_refusal(code, &link->barred, &why);
		link_fail(link, &why);
		return;
	}
	link->accepted = true;
	/* From here on it would only format a line for every message. */
	mosquitto_log_callback_set(client, NULL);
	link->note[0] = '\0';
	link->handler.accepted(link->user_data);
}

static void on_message(struct mosquitto *client, void *user_data,
		       const struct mosquitto_message *message)
{
	struct link *link = user_data;

	link->packet_ended = true;
	if (link->orphaned || link->failed)
		return;
	link->handler.message(message->topic,
			      message->payload ? message->payload : "",
			      (size_t)message->payloadlen, link->user_data);
	/*
	 * Over TLS the library reads on while decrypted bytes are left, which
	 * a flood can make last. It takes this for an empty socket.
	 */
	if (++link->burst >= LINK_BURST)
		errno = EAGAIN;
}

static void on_subscribe(struct mosquitto *client, void *user_data, int id,
			 int count, const int *granted)
{
	struct link *link = user_data;

	link->packet_ended = true;
	if (link->orphaned || link->failed)
		return;
	/* An answer to nothing ends no wait. */
	if (!id_list_take(&link->subscribing, id))
		return;
	link->handler.subscribed(
		id, count > 0 && granted[0] <= SUBACK_MAX_GRANTED_QOS,
		link->user_data);
}

static void on_publish(struct mosquitto *client, void *user_data, int id)
{
	struct link *link = user_data;

	link->packet_ended = true;
	if (link->pending > 0)
		link->pending--;
	/* link_publish() made room for every one it let pass. */
	id_list_add(&link->done, id);
}

static void on_log(struct mosquitto *client, void *user_data, int level,
		   const char *text)
{
	struct link *link = user_data;
	const char *reason = strrchr(text, ':');

	if (level != MOSQ_LOG_ERR)
		return;
	/* "OpenSSL Error[0]: error:0A000086:SSL routines::the reason" */
	if (!strncmp(text, "OpenSSL", strlen("OpenSSL")) && reason)
		text = reason + 1;
	strncpy(link->note, text, sizeof(link->note) - 1);
}

bool link_make_client(struct link *link, const struct link_request *request,
		      struct ota_error *err)
{
	struct mosquitto *client;

	errno = 0;
	client =
		mosquitto_new(request->client_id, request->clean_session, link);
	if (!client && errno == ENOMEM)
		return ota_fail_memory(err, "connect to the broker");
	if (!client)
		return ota_fail(err, OTA_ERROR_INTERNAL, "unusable client id");
	link->client = client;
	mosquitto_connect_callback_set(client, on_connect);
	mosquitto_message_callback_set(client, on_message);
	mosquitto_subscribe_callback_set(client, on_subscribe);
	mosquitto_publish_callback_set(client, on_publish);
	mosquitto_log_callback_set(client, on_log);
	mosquitto_max_inflight_messages_set(client, LINK_MAX_IN_FLIGHT);
	mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
	if (request->tls) {
		SSL_CTX_up_ref(request->tls);
		link->tls = request->tls;
		/* Ours is complete; with theirs it would be refused. */
		mosquitto_int_option(client, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
		mosquitto_void_option(client, MOSQ_OPT_SSL_CTX, request->tls);
	}
	if (request->username &&
	    mosquitto_username_pw_set(client, request->username,
				      request->password) != MOSQ_ERR_SUCCESS)
		return ota_fail(err, OTA_ERROR_INTERNAL, "unusable user name");
	return true;
}
