#include "support/stub-server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

#include "otad/base/loop.h"

static void drop(struct stub_server *server)
{
	server->talking = loop_source_free(server->talking);
	SSL_free(server->ssl);
	server->ssl = NULL;
	if (server->fd >= 0)
		close(server->fd);
	server->fd = -1;
}

static size_t total(const struct stub_server *server)
{
	return server->answer_bytes +
	       server->chorus_bytes * server->chorus_times;
}

/* What comes next, or nothing. */
static const void *next_words(const struct stub_server *server,
			      size_t *ret_bytes)
{
	size_t at = server->said_bytes;

	if (at < server->answer_bytes) {
		*ret_bytes = server->answer_bytes - at;
		return (const uint8_t *)server->answer + at;
	}
	if (at >= total(server))
		return NULL;
	at = (at - server->answer_bytes) % server->chorus_bytes;
	*ret_bytes = server->chorus_bytes - at;
	return (const uint8_t *)server->chorus + at;
}

/* Bytes, 0 for the end, negative for "not now", as the two below. */
static ssize_t tls_result(const struct stub_server *server, int n)
{
	int reason = SSL_get_error(server->ssl, n);

	if (n > 0)
		return n;
	return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE
		       ? -1
		       : 0;
}

static ssize_t put(struct stub_server *server, const void *data, size_t size)
{
	if (server->ssl)
		return tls_result(server,
				  SSL_write(server->ssl, data, (int)size));
	return send(server->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t get(struct stub_server *server, void *data, size_t size)
{
	if (server->ssl)
		return tls_result(server,
				  SSL_read(server->ssl, data, (int)size));
	return recv(server->fd, data, size, MSG_DONTWAIT);
}

/* True when all is said. */
static bool say(struct stub_server *server)
{
	const void *words;
	size_t bytes;
	ssize_t n;

	while ((words = next_words(server, &bytes))) {
		n = put(server, words, bytes);
		if (n <= 0)
			return false;
		server->said_bytes += (size_t)n;
	}
	return true;
}

static bool hear(struct stub_server *server)
{
	uint8_t buffer[4096];
	size_t room = sizeof(server->heard) - server->heard_bytes;
	ssize_t n = get(server, buffer, sizeof(buffer));

	if (n <= 0)
		return n < 0;
	if ((size_t)n < room)
		room = (size_t)n;
	memcpy(server->heard + server->heard_bytes, buffer, room);
	server->heard_bytes += room;
	return true;
}

static void on_talk(struct loop_source *source, int fd, uint32_t events,
		    void *user_data)
{
	struct stub_server *server = user_data;
	uint32_t wanted = EPOLLIN;
	bool done;

	if ((events & EPOLLIN) && !hear(server)) {
		drop(server);
		return;
	}
	if (events & (EPOLLERR | EPOLLHUP)) {
		drop(server);
		return;
	}
	if (server->heard_bytes == 0)
		return;
	done = say(server);
	if (done && server->hang_up) {
		drop(server);
		return;
	}
	if (server->deaf)
		wanted = 0;
	if (!done)
		wanted |= EPOLLOUT;
	assert_true(loop_source_set_events(server->talking, wanted, NULL));
}

static void on_accept(struct loop_source *source, int fd, uint32_t events,
		      void *user_data)
{
	struct stub_server *server = user_data;

	drop(server);
	server->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (server->fd < 0)
		return;
	if (server->tls) {
		server->ssl = SSL_new(server->tls);
		assert_non_null(server->ssl);
		SSL_set_fd(server->ssl, server->fd);
		SSL_set_accept_state(server->ssl);
	}
	server->accepted++;
	server->heard_bytes = 0;
	server->said_bytes = 0;
	if (server->hang_up_at_once) {
		drop(server);
		return;
	}
	server->talking = loop_add_io(server->loop, server->fd, EPOLLIN,
				      on_talk, server, NULL);
	assert_non_null(server->talking);
}

void stub_server_init(struct stub_server *server, struct loop *loop)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);

	memset(server, 0, sizeof(*server));
	server->loop = loop;
	server->fd = -1;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->listener =
		socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(server->listener >= 0);
	assert_int_equal(
		bind(server->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(server->listener, 16), 0);
	assert_int_equal(getsockname(server->listener,
				     (struct sockaddr *)&address, &size),
			 0);
	server->port = ntohs(address.sin_port);
	server->accepting = loop_add_io(loop, server->listener, EPOLLIN,
					on_accept, server, NULL);
	assert_non_null(server->accepting);
}

void stub_server_use_tls(struct stub_server *server, const char *cert_file,
			 const char *key_file)
{
	server->tls = SSL_CTX_new(TLS_server_method());
	assert_non_null(server->tls);
	SSL_CTX_set_mode(server->tls, SSL_MODE_ENABLE_PARTIAL_WRITE);
	assert_int_equal(
		SSL_CTX_use_certificate_chain_file(server->tls, cert_file), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(server->tls, key_file,
						     SSL_FILETYPE_PEM),
			 1);
}

void stub_server_done(struct stub_server *server)
{
	drop(server);
	SSL_CTX_free(server->tls);
	server->tls = NULL;
	server->accepting = loop_source_free(server->accepting);
	if (server->listener > 0)
		close(server->listener);
	server->listener = -1;
}
