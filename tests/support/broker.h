#pragma once

/*
 * A real mosquitto for tests, on a free port of the loopback, with a folder of
 * its own below $TMPDIR. Every function ends the test program with a message
 * when it cannot do its work: without a broker there is nothing to test.
 */

#include <stdbool.h>
#include <stdint.h>

struct broker;

/* The name in the broker's certificate. */
#define BROKER_NAME "broker.test"
/* That of one whose name no browser would take for a pattern. */
#define BROKER_PATTERN "b*.broker.test"

struct broker_options {
	bool tls;
	bool client_certificates; /* required; with `tls` */
	const char *username;	  /* NULL: anybody may come */
	const char *password;
};

/* Returns when it accepts connections; dies with the test. */
struct broker *broker_start(const struct broker_options *options);
/* SIGKILL: no goodbye to anybody. The port stays reserved for a restart. */
void broker_kill(struct broker *broker);
void broker_restart(struct broker *broker);
/* Stops it and removes its folder. Accepts NULL. */
void broker_stop(struct broker *broker);

uint16_t broker_port(const struct broker *broker);

/*
 * "ca.pem", "client.pem" and "client.key" of its certificates, "pattern.pem"
 * and "pattern.key" of BROKER_PATTERN's, "other-ca.pem" of an authority it does
 * not know. Borrowed until the next call.
 */
const char *broker_file(struct broker *broker, const char *name);
