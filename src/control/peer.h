#pragma once

/* Who is on the other end of a connection, and what that allows. */

#include "otad/base/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* Members may change things, everybody may look. */
#define PEER_GROUP "otad"

struct peer_rules {
	uid_t own_uid;
	bool has_group; /* PEER_GROUP exists on this system */
	gid_t group;
};

struct peer {
	pid_t pid;
	uid_t uid;
	bool trusted; /* may change things */
};

/* Looks the group up once: a lookup may ask a name service, and block. */
void peer_rules_init(struct peer_rules *rules);
/* As the kernel recorded it when the peer connected. */
bool peer_read(const struct peer_rules *rules, int fd, struct peer *ret_peer,
	       struct ota_error *err) OTA_MUST_CHECK;
