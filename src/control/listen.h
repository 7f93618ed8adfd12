#pragma once

/* The listening socket and its name in the file system. */

#include "otad/base/error.h"

#include <sys/types.h>

struct listen_socket {
	int fd; /* -1: none */
	char *path;
	dev_t device; /* of the name, to remove no other's */
	ino_t inode;
};

#define LISTEN_SOCKET_INIT { .fd = -1 }

/*
 * Takes the place of a socket that nobody serves; busy: somebody does.
 * `sock` is to be closed whatever the outcome.
 */
bool listen_socket_open(struct listen_socket *sock, const char *path,
			struct ota_error *err) OTA_MUST_CHECK;
void listen_socket_close(struct listen_socket *sock);
