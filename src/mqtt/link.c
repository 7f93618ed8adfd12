#include "link-internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <mosquitto.h>
#include <openssl/ssl.h>

#include "otad/base/loop.h"

#include "link-error.h"

bool link_is_address(const char *text)
{
	struct in6_addr address;
	char bare[INET6_ADDRSTRLEN];
	size_t size = strcspn(text, "%");

	if (inet_pton(AF_INET, text, &address) == 1)
		return true;
	/* "fe80::1%eth0": the zone is no part of the address. */
	if (size >= sizeof(bare))
		return false;
	memcpy(bare, text, size);
	bare[size] = '\0';
	return inet_pton(AF_INET6, bare, &address) == 1;
}

static void note_result(struct link *link, int rc, int sys_errno)
{
	struct ota_error why = OTA_ERROR_INIT;

	if (rc == MOSQ_ERR_SUCCESS || link->failed)
		return;
	link_explain(link->tls, link->note, rc, sys_errno, &why);
	link_fail(link, &why);
}

static bool in_handshake(const struct link *link)
{
	SSL *ssl = mosquitto_ssl_get(link->client);

	return ssl && mosquitto_socket(link->client) >= 0 && SSL_in_init(ssl);
}

/*
 * `written`: the library has just written all it had. Its want_write may stay
 * true then (a TLS flag that 2.0.11 forgets to clear), and would spin.
 */
static uint32_t wanted_events(const struct link *link, bool written)
{
	if (in_handshake(link))
		return EPOLLIN |
		       (SSL_want_write((SSL *)mosquitto_ssl_get(link->client))
				? EPOLLOUT
				: 0);
	if (link->disconnecting)
		return EPOLLOUT;
	if (mosquitto_want_write(link->client) && !written)
		return EPOLLIN | EPOLLOUT;
	return EPOLLIN;
}

static void unwatch(struct link *link)
{
	link->io = loop_source_free(link->io);
	link->fd = -1;
}

static void on_io(struct loop_source *source, int fd, uint32_t events,
		  void *user_data);

/* To be called after every call of the library: it opens and closes sockets,
 * and begins to want to write, without telling. */
static void watch(struct link *link, bool written)
{
	int fd = mosquitto_socket(link->client);
	uint32_t events;
	struct ota_error why = OTA_ERROR_INIT;

	if (fd < 0 || link->failed) {
		unwatch(link);
		return;
	}
	events = wanted_events(link, written);
	if (fd == link->fd && events == link->events)
		return;
	if (fd == link->fd) {
		if (!loop_source_set_events(link->io, events, &why))
			link_fail(link, &why);
	} else {
		unwatch(link);
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		link->io =
			loop_add_io(link->loop, fd, events, on_io, link, &why);
		if (!link->io)
			link_fail(link, &why);
		else
			link->fd = fd;
	}
	link->events = events;
}

static void release(struct link *link)
{
	link->later = loop_source_free(link->later);
	unwatch(link);
	mosquitto_destroy(link->client);
	SSL_CTX_free(link->tls);
	id_list_done(&link->done);
	id_list_done(&link->subscribing);
	free(link);
}

static void tell_published(struct link *link)
{
	size_t told = 0;

	/* The callback may publish, and so lengthen the list. */
	while (told < link->done.count && !link->orphaned)
		link->handler.published(link->done.ids[told++], link->user_data);
	link->done.count = 0;
}

static void tell_end(struct link *link)
{
	bool asked = link->disconnecting && !link->failed;

	if (link->ended || link->orphaned)
		return;
	if (!link->failed && mosquitto_socket(link->client) >= 0)
		return;
	if (!link->failed && !asked)
		link_fail_text(link, OTA_ERROR_NETWORK, "connection closed");
	link->ended = true;
	link->handler.ended(asked ? NULL : &link->why, link->barred,
			    link->user_data);
}

static bool is_usable(const struct link *link)
{
	return link->accepted && !link->failed && !link->disconnecting &&
	       mosquitto_socket(link->client) >= 0;
}

static void enter(struct link *link)
{
	link->busy = true;
	link->burst = 0;
	link->packet_ended = false;
}

/* Ends every step: brings the loop and the owner up to date. */
static void leave(struct link *link, bool written)
{
	/* Its number may be another's as soon as a callback opens a file. */
	if (mosquitto_socket(link->client) < 0)
		unwatch(link);
	if (!link->orphaned)
		tell_published(link);
	if (link->closing && !link->orphaned && link->pending == 0 &&
	    is_usable(link)) {
		link->disconnecting = true;
		mosquitto_disconnect(link->client);
	}
	if (!link->orphaned)
		watch(link, written);
	tell_end(link);
	link->busy = false;
	if (link->orphaned)
		release(link);
}

/* Bytes the library has read; 0 when the kernel does not say. */
static uint64_t bytes_read(int fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);
	int unread = 0;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ||
	    ioctl(fd, SIOCINQ, &unread) < 0 ||
	    info.tcpi_bytes_received < (uint64_t)unread)
		return 0;
	return info.tcpi_bytes_received - (uint64_t)unread;
}

/* The library has no limit, so what it has read without a result is counted. */
static void check_partial(struct link *link)
{
	int fd = mosquitto_socket(link->client);
	uint64_t now;

	if (link->packet_ended)
		link->partial_begun = false;
	if (link->packet_ended || fd < 0)
		return;
	now = bytes_read(fd);
	if (!link->partial_begun || now < link->partial_start) {
		link->partial_begun = true;
		link->partial_start = now;
	} else if (now - link->partial_start > LINK_MAX_PACKET_BYTES) {
		link_fail_text(link, OTA_ERROR_PROTOCOL,
			       "packet larger than 8 MiB");
	}
}

static void read_some(struct link *link)
{
	SSL *ssl = mosquitto_ssl_get(link->client);
	int rc;

	errno = 0;
	rc = mosquitto_loop_read(link->client, 1);
	note_result(link, rc, errno);
	if (rc != MOSQ_ERR_SUCCESS || link->orphaned)
		return;
	check_partial(link);
	/* Decrypted but not handled: the socket will not wake us for it. */
	if (ssl && SSL_pending(ssl) > 0)
		loop_defer_again(link->later);
}

/* True when all that was queued is written. */
static bool write_some(struct link *link)
{
	int rc;

	errno = 0;
	rc = mosquitto_loop_write(link->client, 1);
	if (rc != MOSQ_ERR_SUCCESS) {
		note_result(link, rc, errno);
		return false;
	}
	return errno != EAGAIN && errno != EWOULDBLOCK;
}

static void shake_hands(struct link *link, uint32_t events)
{
	int sys_errno;
	int rc;

	errno = 0;
	rc = mosquitto_loop_read(link->client, 1);
	sys_errno = errno;
	note_result(link, rc, sys_errno);
	/*
	 * The library reports a refused connection as success here, and would
	 * do so for ever. It may also have used up the reason before.
	 */
	if (!(events & (EPOLLERR | EPOLLHUP)) || !in_handshake(link))
		return;
	if (sys_errno == 0 || sys_errno == EAGAIN || sys_errno == EPIPE)
		link_fail_text(link, OTA_ERROR_NETWORK,
			       "connection refused or reset");
	else
		note_result(link, MOSQ_ERR_ERRNO, sys_errno);
}

static void on_io(struct loop_source *source, int fd, uint32_t events,
		  void *user_data)
{
	struct link *link = user_data;
	bool written = false;

	enter(link);
	if (in_handshake(link)) {
		shake_hands(link, events);
	} else {
		/* First: what the broker says may be why writing fails. */
		if (!link->disconnecting &&
		    (events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
			read_some(link);
		if ((events & EPOLLOUT) && !link->failed &&
		    mosquitto_socket(link->client) >= 0)
			written = write_some(link);
	}
	leave(link, written);
}

static void on_later(struct loop_source *source, void *user_data)
{
	struct link *link = user_data;
	SSL *ssl = mosquitto_ssl_get(link->client);

	enter(link);
	if (ssl && is_usable(link) && SSL_pending(ssl) > 0)
		read_some(link);
	leave(link, false);
}

void link_tick(struct link *link)
{
	int rc;

	enter(link);
	errno = 0;
	rc = mosquitto_loop_misc(link->client);
	note_result(link, rc, errno);
	leave(link, false);
}

/* Without a connection the library would queue what it is given. */
static bool check_usable(const struct link *link, struct ota_error *err)
{
	if (is_usable(link))
		return true;
	return ota_fail(err, OTA_ERROR_NETWORK, "not connected");
}

/* Ends every call from outside a step. */
static bool concluded(struct link *link, int rc, int sys_errno,
		      struct ota_error *err)
{
	bool done = rc == MOSQ_ERR_SUCCESS;

	if (!done)
		link_explain(link->tls, link->note, rc, sys_errno, err);
	switch (rc) {
	case MOSQ_ERR_NO_CONN:
	case MOSQ_ERR_CONN_LOST:
	case MOSQ_ERR_ERRNO:
	case MOSQ_ERR_TLS:
		note_result(link, rc, sys_errno);
		break;
	default: /* the call was wrong, not the connection */
		break;
	}
	if (link->busy)
		return done;
	watch(link, false);
	if (link->done.count > 0 || link->failed)
		loop_defer_again(link->later);
	return done;
}

bool link_publish(struct link *link, const char *topic, const void *payload,
		  size_t size, int qos, int *ret_id, struct ota_error *err)
{
	int id = 0;
	int rc;

	if (!check_usable(link, err))
		return false;
	if (size > INT_MAX || mosquitto_pub_topic_check(topic) ||
	    mosquitto_validate_utf8(topic, (int)strlen(topic)))
		return ota_fail(err, OTA_ERROR_INTERNAL,
				"unusable topic or size");
	if (link->pending >= LINK_MAX_PENDING)
		return ota_fail(err, OTA_ERROR_BUSY,
				"the broker takes no more messages");
	/* For what may be done before the next chance to tell it. */
	if (!id_list_reserve(&link->done, link->done.count + link->pending + 1,
			     err))
		return false;
	link->pending++;
	errno = 0;
	rc = mosquitto_publish(link->client, &id, topic, (int)size, payload,
			       qos, false);
	if (rc != MOSQ_ERR_SUCCESS && link->pending > 0)
		link->pending--;
	if (!concluded(link, rc, errno, err))
		return false;
	*ret_id = id;
	return true;
}

bool link_subscribe(struct link *link, const char *topic, int qos, int *ret_id,
		    struct ota_error *err)
{
	int id = 0;
	int rc;

	if (!check_usable(link, err) ||
	    !id_list_reserve(&link->subscribing, link->subscribing.count + 1,
			     err))
		return false;
	errno = 0;
	rc = mosquitto_subscribe(link->client, &id, topic, qos);
	if (!concluded(link, rc, errno, err))
		return false;
	id_list_add(&link->subscribing, id);
	*ret_id = id;
	return true;
}

bool link_unsubscribe(struct link *link, const char *topic,
		      struct ota_error *err)
{
	int rc;

	if (!check_usable(link, err))
		return false;
	errno = 0;
	rc = mosquitto_unsubscribe(link->client, NULL, topic);
	return concluded(link, rc, errno, err);
}

bool link_awaits_answer(const struct link *link)
{
	return link->pending > 0 || link->subscribing.count > 0;
}

void link_close(struct link *link)
{
	link->closing = true;
	loop_defer_again(link->later);
}

static bool begin(struct link *link, const struct link_request *request,
		  struct ota_error *err)
{
	int rc;

	if (!link_is_address(request->address))
		return ota_fail(err, OTA_ERROR_NETWORK, "%s is no address",
				request->address);
	errno = 0;
	rc = mosquitto_connect_async(link->client, request->address,
				     request->port, (int)request->keep_alive_s);
	if (rc != MOSQ_ERR_SUCCESS)
		return link_explain(link->tls, link->note, rc, errno, err);
	watch(link, false);
	if (!link->failed)
		return true;
	*err = link->why;
	return false;
}

struct link *link_new(struct loop *loop, const struct link_request *request,
		      const struct link_handler *handler, void *user_data,
		      struct ota_error *err)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link) {
		ota_fail_memory(err, "connect to the broker");
		return NULL;
	}
	link->loop = loop;
	link->handler = *handler;
	link->user_data = user_data;
	link->fd = -1;
	link->later = loop_add_defer(loop, on_later, link, err);
	if (!link->later || !link_make_client(link, request, err) ||
	    !begin(link, request, err)) {
		release(link);
		return NULL;
	}
	return link;
}

struct link *link_free(struct link *link)
{
	if (!link)
		return NULL;
	assert(!link->orphaned);
	link->orphaned = true;
	/* The library may be on the stack above us. */
	if (!link->busy)
		release(link);
	return NULL;
}
