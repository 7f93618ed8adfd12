#include "peer.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A line of group(5), with all its members. */
#define GROUP_BUFFER_BYTES (64 * 1024)

/*
 * From the file itself: the name service would bring its modules into memory
 * for good, and may ask the network.
 */
static bool find_group(const char *name, char *buffer, gid_t *ret_gid)
{
	OTA_CLEANUP(fclosep) FILE *file = fopen("/etc/group", "re");
	struct group group, *found;

	while (file && fgetgrent_r(file, &group, buffer, GROUP_BUFFER_BYTES,
				   &found) == 0) {
		if (strcmp(found->gr_name, name) != 0)
			continue;
		*ret_gid = found->gr_gid;
		return true;
	}
	return false;
}

void peer_rules_init(struct peer_rules *rules)
{
	OTA_CLEANUP(freep) char *buffer = malloc(GROUP_BUFFER_BYTES);

	*rules = (struct peer_rules){ .own_uid = geteuid() };
	/* Without memory it fails towards less access. */
	rules->has_group =
		buffer && find_group(PEER_GROUP, buffer, &rules->group);
}

static bool read_groups(int fd, gid_t **ret_groups, size_t *ret_count,
			struct ota_error *err)
{
	socklen_t size = 0;
	gid_t *groups;

	/* Asked with no room, the kernel says how much it takes. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0)
		size = 0;
	else if (errno != ERANGE)
		return ota_fail_errno(err, errno, "ask for a client's groups");
	if (size == 0) {
		*ret_groups = NULL;
		*ret_count = 0;
		return true;
	}
	groups = malloc(size);
	if (!groups)
		return ota_fail_memory(err, "ask for a client's groups");
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0) {
		free(groups);
		return ota_fail_errno(err, errno, "ask for a client's groups");
	}
	*ret_groups = groups;
	*ret_count = size / sizeof(*groups);
	return true;
}

static bool is_member(const struct peer_rules *rules, int fd, gid_t gid,
		      bool *ret_member, struct ota_error *err)
{
	OTA_CLEANUP(freep) gid_t *groups = NULL;
	size_t count = 0;

	*ret_member = false;
	if (!rules->has_group)
		return true;
	if (gid == rules->group) {
		*ret_member = true;
		return true;
	}
	if (!read_groups(fd, &groups, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (groups[i] == rules->group)
			*ret_member = true;
	}
	return true;
}

bool peer_read(const struct peer_rules *rules, int fd, struct peer *ret_peer,
	       struct ota_error *err)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);
	bool member;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return ota_fail_errno(err, errno, "ask for a client's credentials");
	if (!is_member(rules, fd, cred.gid, &member, err))
		return false;
	*ret_peer = (struct peer){
		.pid = cred.pid,
		.uid = cred.uid,
		.trusted = cred.uid == 0 || cred.uid == rules->own_uid || member,
	};
	return true;
}
