#include "client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <json-c/json_object.h>

#include "otad/base/json.h"

#include "text.h"

/* A reply of otad's is 256 KiB at most; another service gets no more. */
#define MAX_REPLY_BYTES (1024 * 1024)
#define READ_BYTES (64 * 1024)
/* The modules of ten thousand devices are a tenth of it. */
#define MAX_LIST_BYTES (64 * 1024 * 1024)

struct ctl_client {
	int fd;
	char *data;
	size_t size;
	size_t capacity;
	uint64_t received_bytes;
};

void ctl_reply_done(struct ctl_reply *reply)
{
	json_free(reply->message);
	*reply = (struct ctl_reply){ 0 };
}

struct ctl_client *ctl_client_open(const char *path, int patience_ms,
				   struct ota_error *err)
{
	const struct timeval patience = { .tv_sec = patience_ms / 1000 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ctl_client *client;

	if (strlen(path) >= sizeof(address.sun_path)) {
		ota_fail(err, OTA_ERROR_NETWORK,
			 "%s: the path of a socket has at most %zu bytes", path,
			 sizeof(address.sun_path) - 1);
		return NULL;
	}
	strcpy(address.sun_path, path);
	client = calloc(1, sizeof(*client));
	if (!client) {
		ota_fail_memory(err, "connect to otad");
		return NULL;
	}
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Bounds connect(2) too: a full backlog would keep us for ever. */
	if (client->fd < 0 ||
	    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		       sizeof(patience)) < 0 ||
	    connect(client->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		ota_fail_errno(err, errno, "connect to %s", path);
		ota_rekind(err, OTA_ERROR_NETWORK);
		return ctl_client_free(client);
	}
	return client;
}

struct ctl_client *ctl_client_free(struct ctl_client *client)
{
	if (!client)
		return NULL;
	if (client->fd >= 0)
		close(client->fd);
	free(client->data);
	free(client);
	return NULL;
}

int ctl_client_fd(const struct ctl_client *client)
{
	return client->fd;
}

static bool send_all(struct ctl_client *client, const char *data, size_t size,
		     struct ota_error *err)
{
	while (size > 0) {
		ssize_t sent = send(client->fd, data, size, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		/* It may have said why before it hung up: that is read later. */
		if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
			return true;
		if (sent < 0) {
			ota_fail_errno(err, errno, "write to otad");
			return ota_rekind(err, OTA_ERROR_NETWORK);
		}
		data += sent;
		size -= (size_t)sent;
	}
	return true;
}

bool ctl_client_send(struct ctl_client *client, const char *method,
		     struct json_object *parameters, bool more,
		     struct ota_error *err)
{
	OTA_CLEANUP(json_freep) struct json_object *passed = parameters;
	OTA_CLEANUP(json_freep) struct json_object *call = json_new_object();
	const char *text = NULL;

	if (call && json_add_string(call, "method", method) &&
	    (!passed || json_add(call, "parameters", OTA_TAKE(passed))) &&
	    (!more || json_add_bool(call, "more", true)))
		text = json_text(call);
	if (!text)
		return ota_fail_memory(err, "call otad");
	return send_all(client, text, strlen(text) + 1, err);
}

static bool make_room(struct ctl_client *client, struct ota_error *err)
{
	size_t capacity = client->size + READ_BYTES;
	char *data;

	if (client->size >= MAX_REPLY_BYTES)
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"the answer is longer than otad's ever are");
	if (capacity <= client->capacity)
		return true;
	data = realloc(client->data, capacity);
	if (!data)
		return ota_fail_memory(err, "read from otad");
	client->data = data;
	client->capacity = capacity;
	return true;
}

bool ctl_client_read(struct ctl_client *client, struct ota_error *err)
{
	ssize_t got;

	if (!make_room(client, err))
		return false;
	got = recv(client->fd, client->data + client->size, READ_BYTES,
		   MSG_DONTWAIT);
	if (got > 0) {
		client->size += (size_t)got;
		client->received_bytes += (size_t)got;
		return true;
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	return ota_fail(err, OTA_ERROR_NETWORK, "otad closed the connection");
}

static bool parse_reply(const char *text, size_t size, struct ctl_reply *ret,
			struct ota_error *err)
{
	struct ctl_reply reply = {
		.message = json_parse_err(text, size, MAX_REPLY_BYTES, err),
	};

	if (!reply.message)
		return ota_wrap(err, "the answer makes no sense");
	if (!json_object_is_type(reply.message, json_type_object)) {
		ctl_reply_done(&reply);
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"the answer makes no sense: no JSON object");
	}
	reply.error = json_get_string(reply.message, "error");
	reply.parameters = json_get(reply.message, "parameters");
	if (reply.parameters &&
	    !json_object_is_type(reply.parameters, json_type_object)) {
		ctl_reply_done(&reply);
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"the answer makes no sense: its parameters are no object");
	}
	reply.continues = json_get_bool(reply.message, "continues", false);
	*ret = reply;
	return true;
}

bool ctl_client_next(struct ctl_client *client, bool *ret_found,
		     struct ctl_reply *ret_reply, struct ota_error *err)
{
	const char *end = client->size > 0 ?
				  memchr(client->data, '\0', client->size) :
				  NULL;
	size_t size;

	*ret_found = false;
	if (!end)
		return true;
	size = (size_t)(end - client->data);
	if (!parse_reply(client->data, size, ret_reply, err))
		return false;
	client->size -= size + 1;
	memmove(client->data, end + 1, client->size);
	*ret_found = true;
	return true;
}

bool ctl_client_receive(struct ctl_client *client, int timeout_ms,
			struct ctl_reply *ret_reply, struct ota_error *err)
{
	int64_t deadline = ctl_monotonic_ms() + timeout_ms;
	bool found;

	for (;;) {
		struct pollfd poll_fd = { client->fd, POLLIN, 0 };
		int64_t left = deadline - ctl_monotonic_ms();
		int ready;

		if (!ctl_client_next(client, &found, ret_reply, err))
			return false;
		if (found)
			return true;
		ready = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;
		if (ready < 0 && errno != EINTR)
			return ota_fail_errno(err, errno, "wait for otad");
		if (ready == 0)
			return ota_fail(err, OTA_ERROR_TIMEOUT,
					"otad has not answered for %d s",
					timeout_ms / 1000);
		if (ready > 0 && !ctl_client_read(client, err))
			return false;
	}
}

bool ctl_client_receive_part(struct ctl_client *client, int timeout_ms,
			     struct ctl_reply *ret_reply, struct ota_error *err)
{
	if (client->received_bytes > MAX_LIST_BYTES)
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"the list is longer than otad's ever are");
	return ctl_client_receive(client, timeout_ms, ret_reply, err);
}

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text);

	return size >= strlen(end) && strcmp(text + size - strlen(end), end) == 0;
}

bool ctl_reply_check(const struct ctl_reply *reply, struct ota_error *err)
{
	const char *message = json_get_string(reply->parameters, "message");
	const char *kind = json_get_string(reply->parameters, "kind");
	const char *parameter = json_get_string(reply->parameters, "parameter");

	if (!reply->error)
		return true;
	if (ends_with(reply->error, ".PermissionDenied"))
		return ota_fail(err, OTA_ERROR_PERMISSION,
				"only root and members of the group 'otad' may do this");
	if (ends_with(reply->error, ".InvalidParameter"))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"otad does not accept this '%s'",
				parameter ? parameter : "parameter");
	if (!message)
		return ota_fail(err, OTA_ERROR_INTERNAL, "otad answers %s",
				reply->error);
	return ota_fail(err, OTA_ERROR_INTERNAL, "%s%s%s", kind ? kind : "",
			kind ? ": " : "", message);
}
