#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "otad/base/json.h"
#include "otad/base/loop.h"
#include "otad/update/updater.h"

#include "buffer.h"
#include "call.h"
#include "server.h"
#include "stream.h"
#include "varlink.h"

/* What the timer of a client bounds. */
enum client_wait {
	CLIENT_WAIT_NONE, /* it watches, and has read everything */
	CLIENT_WAIT_CALL, /* for its next call */
	CLIENT_WAIT_READ, /* for it to read what was sent */
};

struct control_client {
	struct control *control;
	int fd;
	struct peer peer;
	struct loop_source *io;
	struct loop_source *timer;
	uint32_t events;
	enum client_wait wait;
	bool progress;	    /* since the timer was set */
	uint64_t active_ms; /* when it came, or last took an answer */
	struct buffer in;
	struct buffer out;
	bool in_message;    /* a part of the first message in `out` has been sent */
	bool closing;	    /* gets what is in `out`, nothing more */
	bool dead;
	struct control_stream *stream; /* NULL: none is running */
};

static bool has_call(const struct control_client *client)
{
	size_t size;

	return buffer_message(&client->in, &size);
}

/* The answer to one call leaves before the next call is looked at. */
static bool may_call(const struct control_client *client)
{
	return !client->closing && !client->stream && client->out.size == 0;
}

bool control_client_wants_turn(const struct control_client *client)
{
	if (client->dead)
		return true;
	if (client->closing)
		return false;
	if (client->stream)
		return !control_stream_is_listed(client->stream) &&
		       client->out.size <= CONTROL_LOW_OUT_BYTES;
	return may_call(client) && has_call(client);
}

static bool is_finished(const struct control_client *client)
{
	return client->dead || (client->closing && client->out.size == 0);
}

static uint32_t wanted_events(const struct control_client *client)
{
	uint32_t events = client->out.size > 0 ? EPOLLOUT : 0;

	/* Its turn comes anyway: a hang-up is noticed after it. */
	if (control_client_wants_turn(client))
		return events;
	if (may_call(client))
		events |= EPOLLIN;
	return events | EPOLLHUP;
}

static void update_events(struct control_client *client)
{
	uint32_t events = wanted_events(client);
	struct ota_error err = OTA_ERROR_INIT;

	if (events == client->events)
		return;
	if (loop_source_set_events(client->io, events, &err))
		client->events = events;
	else
		control_client_fail(client, &err);
}

static void update_timer(struct control_client *client)
{
	enum client_wait wait = CLIENT_WAIT_CALL;
	uint64_t delay_ms = CONTROL_IDLE_MS;

	if (client->out.size > 0) {
		wait = CLIENT_WAIT_READ;
		delay_ms = CONTROL_STALL_MS;
	} else if (control_client_is_watching(client)) {
		wait = CLIENT_WAIT_NONE;
		delay_ms = LOOP_NEVER;
	}
	if (wait == client->wait && !client->progress)
		return;
	client->wait = wait;
	client->progress = false;
	loop_timer_set(client->timer, delay_ms);
}

/* After whatever happened: what comes next. May free `client`. */
static void settle(struct control_client *client)
{
	if (!is_finished(client)) {
		update_events(client);
		update_timer(client);
	}
	if (is_finished(client))
		control_client_free(client);
	else if (control_client_wants_turn(client))
		control_schedule(client->control);
}

static void flush(struct control_client *client)
{
	const char *data = buffer_data(&client->out);
	ssize_t sent;

	if (client->out.size == 0 || client->dead)
		return;
	sent = send(client->fd, data, client->out.size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent > 0) {
		client->in_message = data[sent - 1] != '\0';
		buffer_consume(&client->out, (size_t)sent);
		client->progress = true;
		client->active_ms = loop_now_ms(client->control->loop);
	} else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		client->dead = true;
	}
}

static void close_with(struct control_client *client, const char *why)
{
	struct ota_error err = OTA_ERROR_INIT;
	struct call call = { .control = client->control, .client = client };

	control_complain(client->control, &client->peer, why);
	ota_fail(&err, OTA_ERROR_PROTOCOL, "%s", why);
	call_refuse(&call, &err);
	client->closing = true;
	buffer_done(&client->in);
}

static void read_some(struct control_client *client)
{
	char data[CONTROL_READ_BYTES];
	ssize_t got = recv(client->fd, data, sizeof(data), MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got < 0) {
		client->dead = true;
	} else if (got == 0) {
		client->closing = true; /* every call before it is answered */
	} else if (!buffer_append(&client->in, data, (size_t)got)) {
		client->dead = true;
	} else if (client->in.size > JSON_MAX_BYTES && !has_call(client)) {
		close_with(client, "a call has more than 65536 bytes");
		flush(client);
	}
}

static void on_io(struct loop_source *source, int fd, uint32_t events,
		  void *user_data)
{
	struct control_client *client = user_data;

	if (events & EPOLLOUT)
		flush(client);
	if (events & EPOLLIN)
		read_some(client);
	else if (events & (EPOLLHUP | EPOLLERR))
		client->dead = true; /* nobody is left to read an answer */
	settle(client);
}

static void on_timeout(struct loop_source *source, void *user_data)
{
	struct control_client *client = user_data;

	client->dead = true;
	settle(client);
}

struct control_client *control_client_new(struct control *control, int fd,
					  const struct peer *peer,
					  struct ota_error *err)
{
	struct control_client *client = calloc(1, sizeof(*client));

	if (!client) {
		ota_fail_memory(err, "accept a client");
		return NULL;
	}
	client->fd = -1; /* the caller's until all went well */
	client->control = control;
	client->peer = *peer;
	client->events = EPOLLIN;
	client->wait = CLIENT_WAIT_CALL;
	client->active_ms = loop_now_ms(control->loop);
	client->io = loop_add_io(control->loop, fd, EPOLLIN, on_io, client, err);
	client->timer = !client->io ? NULL :
				      loop_add_timer(control->loop,
						     CONTROL_IDLE_MS, on_timeout,
						     client, err);
	if (!client->timer)
		return control_client_free(client);
	client->fd = fd;
	return client;
}

struct control_client *control_client_free(struct control_client *client)
{
	if (!client)
		return NULL;
	control_forget(client->control, client);
	loop_source_free(client->io);
	loop_source_free(client->timer);
	control_stream_free(client->stream);
	buffer_done(&client->in);
	buffer_done(&client->out);
	if (client->fd >= 0)
		close(client->fd);
	free(client);
	return NULL;
}

const struct peer *control_client_peer(const struct control_client *client)
{
	return &client->peer;
}

bool control_client_is_idle(const struct control_client *client)
{
	char byte;

	return may_call(client) && !client->dead && client->in.size == 0 &&
	       recv(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       errno == EAGAIN;
}

uint64_t control_client_active_ms(const struct control_client *client)
{
	return client->active_ms;
}

bool control_client_reply(struct control_client *client, const char *error,
			  struct json_object *parameters, bool continues,
			  struct ota_error *err)
{
	return varlink_reply(&client->out, error, parameters, continues,
			     CONTROL_MAX_OUT_BYTES - client->out.size, err);
}

void control_client_fail(struct control_client *client,
			 const struct ota_error *err)
{
	control_complain(client->control, &client->peer, err->text);
	client->dead = true;
	control_schedule(client->control);
}

void control_client_stream(struct control_client *client,
			   struct control_stream *stream)
{
	client->stream = stream;
}

static void answer_call(struct control_client *client)
{
	struct varlink_call request;
	struct ota_error err = OTA_ERROR_INIT;
	size_t size = 0;

	buffer_message(&client->in, &size);
	if (!varlink_call_parse(buffer_data(&client->in), size, &request, &err)) {
		close_with(client, err.text);
		return;
	}
	buffer_consume(&client->in, size + 1);
	client->progress = true;
	call_run(
		&(struct call){
			.control = client->control,
			.client = client,
			.parameters = request.parameters,
			.oneway = request.oneway,
			.more = request.more,
		},
		request.method);
	varlink_call_done(&request);
}

static void continue_stream(struct control_client *client)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (!control_stream_turn(client->stream, client->control->updater, client,
				 &err)) {
		control_client_fail(client, &err);
	} else if (control_stream_is_listed(client->stream) &&
		   !control_client_is_watching(client)) {
		client->stream = control_stream_free(client->stream);
	}
}

void control_client_turn(struct control_client *client)
{
	if (client->dead)
		;
	else if (client->stream)
		continue_stream(client);
	else if (has_call(client))
		answer_call(client);
	flush(client);
	settle(client);
}

bool control_client_is_watching(const struct control_client *client)
{
	return client->stream &&
	       control_stream_kind(client->stream) == STREAM_WATCH;
}

/* Between the first byte of an artifact and its last. */
static bool is_mere_progress(const struct job_view *job)
{
	return job->state == JOB_STATE_DOWNLOADING && job->received_bytes > 0;
}

bool control_client_watches(const struct control_client *client,
			    const struct job_view *job)
{
	if (client->dead || !control_client_is_watching(client) ||
	    !control_stream_matches(client->stream, job))
		return false;
	return client->out.size < CONTROL_MAX_OUT_BYTES / 2 ||
	       !is_mere_progress(job);
}

/* Everything that waits but the rest of a message in progress makes room. */
static void end_watch(struct control_client *client)
{
	struct ota_error err = OTA_ERROR_INIT;
	size_t rest = 0;

	if (client->in_message && buffer_message(&client->out, &rest))
		rest++;
	buffer_truncate(&client->out, rest);
	client->stream = control_stream_free(client->stream);
	client->closing = true;
	if (!control_client_reply(client, OTAD_INTERFACE ".TooSlow", NULL, false,
				  &err))
		control_client_fail(client, &err);
}

void control_client_push(struct control_client *client,
			 const struct buffer *message)
{
	/* Many changes at once must not make a good reader look like a bad one. */
	if (client->out.size + message->size > CONTROL_MAX_OUT_BYTES / 2)
		flush(client);
	if (client->out.size + message->size > CONTROL_MAX_OUT_BYTES)
		end_watch(client);
	else if (!buffer_append(&client->out, buffer_data(message), message->size))
		client->dead = true;
	update_events(client);
	update_timer(client);
	if (client->dead)
		control_schedule(client->control);
}
