#include "otad/control/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "otad/base/json.h"
#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/update/updater.h"

#include "buffer.h"
#include "call.h"
#include "client.h"
#include "server.h"
#include "varlink.h"
#include "views.h"

void control_schedule(struct control *control)
{
	loop_defer_again(control->turns);
}

void control_complain(struct control *control, const struct peer *peer,
		      const char *what)
{
	uint64_t now_ms = loop_now_ms(control->loop);

	if (control->complained_ms != 0 &&
	    now_ms < control->complained_ms + CONTROL_COMPLAINT_MS)
		return;
	control->complained_ms = now_ms;
	if (peer)
		log_info(NULL, "control client (pid %d, uid %u): %s",
			 (int)peer->pid, (unsigned)peer->uid, what);
	else
		log_warning(NULL, "control socket: %s", what);
}

void control_forget(struct control *control, const struct control_client *client)
{
	for (size_t i = 0; i < control->n_clients; i++) {
		if (control->clients[i] != client)
			continue;
		control->n_clients--;
		memmove(&control->clients[i], &control->clients[i + 1],
			(control->n_clients - i) * sizeof(control->clients[0]));
		control_schedule(control); /* it may have been the last to watch */
		return;
	}
}

static bool format_change(const struct job_view *job, struct buffer *message,
			  struct ota_error *err)
{
	struct json_object *parameters = json_new_object();

	if (parameters && json_add(parameters, "job", view_job(job)))
		return varlink_reply(message, NULL, parameters, true,
				     CONTROL_MAX_OUT_BYTES, err);
	json_free(parameters);
	return ota_fail_memory(err, "tell of a change");
}

static void pass_on(const struct job_view *job, void *user_data)
{
	struct control *control = user_data;
	struct buffer message = { 0 };
	struct ota_error err = OTA_ERROR_INIT;

	for (size_t i = 0; i < control->n_clients; i++) {
		struct control_client *client = control->clients[i];

		if (!control_client_watches(client, job))
			continue;
		if (message.size == 0 && !format_change(job, &message, &err)) {
			control_client_fail(client, &err);
			continue;
		}
		control_client_push(client, &message);
	}
	buffer_done(&message);
}

bool control_listen(struct control *control, struct ota_error *err)
{
	if (!control->changes)
		control->changes = updater_listen(control->updater, pass_on, control);
	return control->changes || ota_fail_memory(err, "watch the jobs");
}

/* Nobody pays for views that nobody looks at. */
static void stop_listening_unwatched(struct control *control)
{
	if (!control->changes)
		return;
	for (size_t i = 0; i < control->n_clients; i++) {
		if (control_client_is_watching(control->clients[i]))
			return;
	}
	control->changes = updater_unlisten(control->changes);
}

static bool wants_turn(const struct control *control)
{
	for (size_t i = 0; i < control->n_clients; i++) {
		if (control_client_wants_turn(control->clients[i]))
			return true;
	}
	return false;
}

static void on_turn(struct loop_source *source, void *user_data)
{
	struct control *control = user_data;

	for (size_t i = 0; i < control->n_clients; i++) {
		size_t index = (control->next_turn + i) % control->n_clients;
		struct control_client *client = control->clients[index];

		if (!control_client_wants_turn(client))
			continue;
		control->next_turn = index + 1;
		control_client_turn(client);
		break;
	}
	stop_listening_unwatched(control);
	if (wants_turn(control))
		control_schedule(control);
}

/* A stranger is somebody who may only look. */
static bool has_room(const struct control *control, const struct peer *peer)
{
	size_t strangers = 0;
	size_t same_user = 0;

	if (control->n_clients >= CONTROL_MAX_CLIENTS)
		return false;
	if (peer->trusted)
		return true;
	for (size_t i = 0; i < control->n_clients; i++) {
		const struct peer *other =
			control_client_peer(control->clients[i]);

		strangers += !other->trusted;
		same_user += other->uid == peer->uid;
	}
	return strangers < CONTROL_MAX_STRANGERS &&
	       same_user < CONTROL_MAX_STRANGERS_PER_UID;
}

/* Who holds a connection without using it must not keep out who may act. */
static bool make_room(struct control *control, const struct peer *peer)
{
	struct control_client *oldest = NULL;

	if (!peer->trusted)
		return false;
	for (size_t i = 0; i < control->n_clients; i++) {
		struct control_client *client = control->clients[i];

		if (control_client_is_idle(client) &&
		    (!oldest || control_client_active_ms(client) <
					control_client_active_ms(oldest)))
			oldest = client;
	}
	if (!oldest)
		return false;
	control_client_free(oldest);
	return true;
}

/* Says why before the connection is closed; if that fails, it is closed. */
static void turn_away(struct control *control, int fd, const struct peer *peer)
{
	static const char why[] = "there are too many clients already: "
				  "try again later";
	struct buffer reply = { 0 };

	control_complain(control, peer, why);
	if (varlink_reply(&reply, OTAD_INTERFACE ".Refused",
			  view_message(ota_error_kind_name(OTA_ERROR_BUSY), why),
			  false, CONTROL_MAX_OUT_BYTES, NULL) &&
	    send(fd, buffer_data(&reply), reply.size,
		 MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug(NULL, "control client: %s", strerror(errno));
	buffer_done(&reply);
}

static void add_client(struct control *control, int fd)
{
	struct control_client *client;
	struct peer peer = { 0 };
	struct ota_error err = OTA_ERROR_INIT;

	if (!peer_read(&control->rules, fd, &peer, &err)) {
		control_complain(control, NULL, err.text);
		close(fd);
		return;
	}
	if (!has_room(control, &peer) && !make_room(control, &peer)) {
		turn_away(control, fd, &peer);
		close(fd);
		return;
	}
	client = control_client_new(control, fd, &peer, &err);
	if (!client) {
		control_complain(control, &peer, err.text);
		close(fd);
		return;
	}
	control->clients[control->n_clients++] = client;
}

static void pause_accepting(struct control *control, int reason)
{
	struct ota_error err = OTA_ERROR_INIT;

	control_complain(control, NULL, strerror(reason));
	/* The listener stays readable: without a pause the loop would spin. */
	if (loop_source_set_events(control->listener, 0, &err))
		loop_timer_set(control->retry, CONTROL_RETRY_MS);
}

static void on_connection(struct loop_source *source, int fd, uint32_t events,
			  void *user_data)
{
	struct control *control = user_data;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (client >= 0)
		add_client(control, client);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		 errno == ENOMEM)
		pause_accepting(control, errno);
}

static void on_retry(struct loop_source *source, void *user_data)
{
	struct control *control = user_data;
	struct ota_error err = OTA_ERROR_INIT;

	if (!loop_source_set_events(control->listener, EPOLLIN, &err))
		loop_timer_set(control->retry, CONTROL_RETRY_MS);
}

static bool add_sources(struct control *control, struct ota_error *err)
{
	struct loop *loop = control->loop;

	control->turns = loop_add_defer(loop, on_turn, control, err);
	if (!control->turns)
		return false;
	control->retry = loop_add_timer(loop, LOOP_NEVER, on_retry, control, err);
	if (!control->retry)
		return false;
	control->listener = loop_add_io(loop, control->socket.fd, EPOLLIN,
					on_connection, control, err);
	return control->listener;
}

struct control *control_new(struct loop *loop, struct updater *updater,
			    const char *path, struct ota_error *err)
{
	OTA_CLEANUP(control_freep) struct control *control =
		calloc(1, sizeof(*control));

	if (!control) {
		ota_fail_memory(err, "open the control socket");
		return NULL;
	}
	control->socket = (struct listen_socket)LISTEN_SOCKET_INIT;
	control->loop = loop;
	control->updater = updater;
	peer_rules_init(&control->rules);
	if (!listen_socket_open(&control->socket, path, err) ||
	    !add_sources(control, err))
		return NULL;
	return OTA_TAKE(control);
}

struct control *control_free(struct control *control)
{
	if (!control)
		return NULL;
	while (control->n_clients > 0)
		control_client_free(control->clients[control->n_clients - 1]);
	if (control->changes)
		updater_unlisten(control->changes);
	loop_source_free(control->listener);
	loop_source_free(control->retry);
	loop_source_free(control->turns);
	listen_socket_close(&control->socket);
	free(control);
	return NULL;
}
