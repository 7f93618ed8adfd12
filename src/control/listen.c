#include "listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* Who does not wait for a place finds one, if many come at once. */
#define LISTEN_BACKLOG 256

static bool make_address(const char *path, struct sockaddr_un *ret_address,
			 struct ota_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return ota_fail(err, OTA_ERROR_INTERNAL,
				"control socket %s: the path has more than %zu bytes",
				path, sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	*ret_address = address;
	return true;
}

/* What stands at `path` may be replaced: nothing, or a socket without a server. */
static bool check_free(const char *path, struct ota_error *err)
{
	OTA_CLEANUP(close_fdp) int fd = -1;
	struct sockaddr_un address;
	struct stat info;

	if (!make_address(path, &address, err))
		return false;
	if (lstat(path, &info) < 0)
		return errno == ENOENT || ota_fail_errno(err, errno, "control socket %s", path);
	if (!S_ISSOCK(info.st_mode))
		return ota_fail(err, OTA_ERROR_BUSY,
				"control socket %s: there is something else of that name",
				path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ota_fail_errno(err, errno, "control socket");
	/* EAGAIN: there is a server, it only has its hands full. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
	    errno == EAGAIN)
		return ota_fail(err, OTA_ERROR_BUSY,
				"control socket %s: another otad serves it", path);
	if (errno != ECONNREFUSED && errno != ENOENT)
		return ota_fail_errno(err, errno, "control socket %s", path);
	return true;
}

/* Nobody sees the socket before it can be used by everybody. */
static bool bind_open_to_all(struct listen_socket *sock, const char *temporary,
			     struct ota_error *err)
{
	struct sockaddr_un address;
	struct stat info;

	if (!make_address(temporary, &address, err))
		return false;
	if (unlink(temporary) < 0 && errno != ENOENT)
		return ota_fail_errno(err, errno, "remove %s", temporary);
	if (bind(sock->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return ota_fail_errno(err, errno, "bind %s", temporary);
	if (chmod(temporary, 0666) < 0 || listen(sock->fd, LISTEN_BACKLOG) < 0 ||
	    lstat(temporary, &info) < 0 || rename(temporary, sock->path) < 0) {
		ota_fail_errno(err, errno, "make %s", sock->path);
		unlink(temporary);
		return false;
	}
	sock->device = info.st_dev;
	sock->inode = info.st_ino;
	return true;
}

bool listen_socket_open(struct listen_socket *sock, const char *path,
			struct ota_error *err)
{
	OTA_CLEANUP(freep) char *temporary = NULL;

	if (!check_free(path, err))
		return false;
	if (asprintf(&temporary, "%s.new", path) < 0) {
		temporary = NULL;
		return ota_fail_memory(err, "open the control socket");
	}
	sock->path = strdup(path);
	if (!sock->path)
		return ota_fail_memory(err, "open the control socket");
	sock->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock->fd < 0)
		return ota_fail_errno(err, errno, "control socket");
	return bind_open_to_all(sock, temporary, err);
}

void listen_socket_close(struct listen_socket *sock)
{
	struct stat info;

	if (sock->fd >= 0)
		close(sock->fd);
	/* Another otad may have taken the name meanwhile. */
	if (sock->path && sock->inode != 0 && lstat(sock->path, &info) == 0 &&
	    info.st_dev == sock->device && info.st_ino == sock->inode)
		unlink(sock->path);
	free(sock->path);
	*sock = (struct listen_socket)LISTEN_SOCKET_INIT;
}
