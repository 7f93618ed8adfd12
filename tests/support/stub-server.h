#pragma once

/*
 * A server that says what it is told to, whatever it hears: for brokers that
 * no real one would be. Runs on the loop of the test.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct loop_source;
struct ssl_ctx_st;
struct ssl_st;

struct stub_server {
	struct loop *loop;
	uint16_t port;

	/* What it says once it has heard something; borrowed. */
	const void *answer;
	size_t answer_bytes;
	const void *chorus; /* then this, `chorus_times` */
	size_t chorus_bytes;
	unsigned chorus_times;
	bool hang_up; /* after that */
	bool hang_up_at_once;
	bool deaf;		/* after the first words heard */
	struct ssl_ctx_st *tls; /* ours after stub_server_use_tls() */

	unsigned accepted;
	uint8_t heard[4096]; /* the first words of the last connection */
	size_t heard_bytes;

	int listener, fd;
	struct ssl_st *ssl;
	struct loop_source *accepting, *talking;
	size_t said_bytes;
};

/* Fails the test when it cannot listen on the loopback. */
void stub_server_init(struct stub_server *server, struct loop *loop);
void stub_server_use_tls(struct stub_server *server, const char *cert_file,
			 const char *key_file);
void stub_server_done(struct stub_server *server);
