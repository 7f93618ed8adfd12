/*
 * What answers on the control socket, to every command of otactl. Two bytes
 * choose the command and how its output looks; then comes what each connection
 * hears, one after the other:
 *
 *	0x1e ends a connection: the next one gets what follows. Without any left
 *	     nobody listens.
 *	0x1d is a pause: what follows comes when otactl waits.
 *	0x1c at the beginning: does not hang up at its end, but says no more.
 *
 * The socket, the terminal and the clock are wrapped (see meson.build); of the
 * rest of otactl nothing is.
 */

#include "fuzz.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "otad/base/json.h"

#include "../../src/otactl/otactl.h"
#include "../../src/otactl/text.h"

#define CONNECTION_END 0x1e
#define PAUSE 0x1d
#define SILENT 0x1c

#define NOW_MS INT64_C(1795248000000)
/* Far more than a minute of an absent otad takes. */
#define MAX_WAITS 20000
#define MAX_CONNECTIONS 64
/* Beyond json_parse()'s own bound no text of otactl gets. */
#define MAX_OUTPUT (16 * 1024 * 1024)
#define MAX_ARGS 16

#define OFFER                                                                  \
	"--url", "https://h/a", "--version", "1.0.2", "--md5",                 \
		"d41d8cd98f00b204e9800998ecf8427e"

static const char *const commands[][MAX_ARGS] = {
	{ "status" },
	{ "modules" },
	{ "history" },
	{ "stats" },
	{ "watch" },
	{ "watch", "app" },
	{ "check", "--wait" },
	{ "check", "app" },
	{ "update", "app", OFFER, "--wait" },
	{ "update", "meter-1/mcu", OFFER },
	{ "install", "app" },
	{ "cancel", "app" },
	{ "rollback", "app" },
	{ "hold", "harvest", "--until", "2h" },
	{ "release" },
	{ "device", "list" },
	{ "device", "add", "meter-1", "--class", "meter" },
	{ "device", "remove", "meter-1" },
	{ "--complete", "--", "install", "" },
	{ "--complete", "--", "device", "remove", "m" },
	{ "--complete", "--", "status", "--device=" },
};

/* What otactl is connected to. */
struct peer {
	int otactl_fd;
	int fd;
	const uint8_t *data; /* what is left to say */
	size_t size;
	bool silent;
};

static struct {
	const uint8_t *data; /* of the connections to come */
	size_t size;
	struct peer peers[MAX_CONNECTIONS];
	size_t n_peers;
	struct ctl_screen screen;
	int64_t clock_ms;
	unsigned waits;
	bool is_resized;
} world;

/* ---- the socket ---- */

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
	struct peer *peer = &world.peers[world.n_peers];
	const uint8_t *end;
	int pair[2];

	(void)address;
	(void)size;
	if (world.size == 0 || world.n_peers == MAX_CONNECTIONS) {
		errno = ECONNREFUSED;
		return -1;
	}
	end = memchr(world.data, CONNECTION_END, world.size);
	peer->data = world.data;
	peer->size = end ? (size_t)(end - world.data) : world.size;
	world.data += peer->size + (end ? 1 : 0);
	world.size -= peer->size + (end ? 1 : 0);
	peer->silent = peer->size > 0 && peer->data[0] == SILENT;
	if (peer->silent) {
		peer->data++;
		peer->size--;
	}
	fuzz_check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	fuzz_check(dup2(pair[0], fd) == fd);
	close(pair[0]);
	/* A number that is used again is no longer the earlier one's. */
	for (size_t i = 0; i < world.n_peers; i++)
		if (world.peers[i].otactl_fd == fd)
			world.peers[i].otactl_fd = -1;
	peer->otactl_fd = fd;
	peer->fd = pair[1];
	world.n_peers++;
	return 0;
}

/* Goes on up to the next pause; false: there is nothing more to say. */
static bool speak(struct peer *peer)
{
	const uint8_t *pause;
	size_t size;

	if (peer->size == 0) {
		if (peer->silent)
			return false;
		shutdown(peer->fd, SHUT_WR);
		peer->silent = true;
		return true;
	}
	pause = memchr(peer->data, PAUSE, peer->size);
	size = pause ? (size_t)(pause - peer->data) : peer->size;
	if (size > 0)
		fuzz_check(send(peer->fd, peer->data, size, MSG_NOSIGNAL) ==
			   (ssize_t)size);
	peer->data += size + (pause ? 1 : 0);
	peer->size -= size + (pause ? 1 : 0);
	return true;
}

static bool speak_to(int fd)
{
	for (size_t i = 0; i < world.n_peers; i++)
		if (world.peers[i].otactl_fd == fd)
			return speak(&world.peers[i]);
	return false;
}

/* ---- the clock ---- */

int64_t __wrap_ctl_now_ms(void);
int64_t __wrap_ctl_now_ms(void)
{
	return NOW_MS;
}

int64_t __wrap_ctl_monotonic_ms(void);
int64_t __wrap_ctl_monotonic_ms(void)
{
	return world.clock_ms;
}

static bool follows(int signal_number)
{
	sigset_t blocked;

	sigprocmask(SIG_BLOCK, NULL, &blocked);
	return sigismember(&blocked, signal_number) == 1;
}

int __real_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	bool spoken = false;
	int ready = __real_poll(fds, n, 0);

	fuzz_check(++world.waits < MAX_WAITS);
	if (ready != 0)
		return ready;
	for (nfds_t i = 0; i < n; i++)
		spoken = (fds[i].fd >= 0 && speak_to(fds[i].fd)) || spoken;
	if (!spoken && timeout_ms >= 0) {
		world.clock_ms += timeout_ms;
		return 0;
	}
	if (!spoken) {
		/* For ever, that is until ^C. */
		fuzz_check(follows(SIGINT));
		raise(SIGINT);
	} else if (world.is_resized && follows(SIGWINCH)) {
		raise(SIGWINCH);
	}
	return __real_poll(fds, n, 0);
}

/* ---- the terminal ---- */

int __wrap_isatty(int fd);
int __wrap_isatty(int fd)
{
	return fd == STDOUT_FILENO && world.screen.is_terminal;
}

void __wrap_ctl_screen_init(struct ctl_screen *screen);
void __wrap_ctl_screen_init(struct ctl_screen *screen)
{
	*screen = world.screen;
}

static void choose_screen(uint8_t choice)
{
	static const unsigned widths[] = { 80, 1, 13, 40, 79, 132, 240, 65535 };

	world.screen = (struct ctl_screen){ .is_terminal = choice & 1 };
	if (!world.screen.is_terminal)
		return;
	world.screen.colours = choice & 2;
	world.screen.columns = widths[choice >> 4 & 7];
	world.screen.rows = choice & 8 ? 4 : 24;
	world.is_resized = choice & 128;
}

/* ---- what comes out ---- */

/* Colours, and what redraws bars: ESC [ NUMBER LETTER. 0: it is not one. */
static size_t sequence_bytes(const char *text)
{
	size_t digits;

	if (strncmp(text, "\x1b[", 2) != 0)
		return 0;
	digits = strspn(text + 2, "0123456789");
	return text[2 + digits] && strchr("mAJK", text[2 + digits]) ?
		       digits + 3 :
		       0;
}

/* Text that is shown in another order than it has. */
static bool turns(const char *line)
{
	static const char *const marks[] = {
		"\u061c", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a",
		"\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067",
		"\u2068", "\u2069", "\ufeff",
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(marks); i++)
		if (strstr(line, marks[i]))
			return true;
	return false;
}

static void check_json(const char *line)
{
	enum json_fault fault;

	json_free(json_parse(line, strlen(line), MAX_OUTPUT, &fault));
	fuzz_check(fault == JSON_OK);
	fuzz_check(fuzz_is_clean(line));
}

/* Takes what otactl itself tells a terminal out of the line. */
static bool take_sequences(char *line)
{
	bool bar = strstr(line, "\x1b[K");
	char *to = line;

	while (*line) {
		size_t sequence = sequence_bytes(line);

		/* A carriage return stands behind the way up. */
		if (sequence > 0 && line[sequence - 1] == 'A' &&
		    line[sequence] == '\r')
			sequence++;
		line += sequence;
		if (sequence == 0)
			*to++ = *line++;
	}
	*to = '\0';
	return bar;
}

static void check_line(char *line, bool json, bool completes)
{
	char *tab = completes ? strchr(line, '\t') : NULL;
	bool bar = false;

	if (json && !completes) {
		check_json(line);
		return;
	}
	if (tab)
		*tab = ' ';
	if (world.screen.is_terminal)
		bar = take_sequences(line);
	fuzz_check(fuzz_is_clean(line));
	fuzz_check(!turns(line));
	/* One that wraps would not be taken away when it is redrawn. */
	fuzz_check(!bar || world.is_resized ||
		   ctl_columns(line) < world.screen.columns);
}

static void check_output(char *text, bool json, bool completes)
{
	char *next;

	for (char *line = text; *line; line = next) {
		next = strchr(line, '\n');
		if (!next) {
			/* The bars are taken away, and nothing follows. */
			take_sequences(line);
			fuzz_check(!*line);
			return;
		}
		*next++ = '\0';
		check_line(line, json, completes);
	}
}

static void check_complaints(char *text, int result)
{
	char *next;

	/* 2 is for the command line, and that is right. */
	fuzz_check(result == CTL_DONE || result == CTL_FAILED ||
		   result == CTL_NO_DAEMON);
	fuzz_check(result == CTL_DONE || *text);
	for (char *line = text; *line; line = next) {
		next = strchr(line, '\n');
		fuzz_check(next);
		*next++ = '\0';
		fuzz_check(strncmp(line, "otactl: ", 8) == 0);
		fuzz_check(fuzz_is_clean(line) && !turns(line));
	}
}

/* ---- a run ---- */

static void start_of_all(void)
{
	static bool started;

	if (started)
		return;
	started = true;
	setenv("TZ", "UTC", 1);
	tzset();
	fuzz_check(setlocale(LC_CTYPE, "C.UTF-8"));
}

static int run(const char *const *command, bool json, bool behind)
{
	char *copies[MAX_ARGS + 5] = { 0 };
	char *argv[MAX_ARGS + 5];
	int argc = 0;
	int result;

	copies[argc++] = strdup("otactl");
	for (int i = 0; i < MAX_ARGS && command[i]; i++)
		copies[argc++] = strdup(command[i]);
	if (json)
		copies[argc++] = strdup("--json");
	if (behind) {
		copies[argc++] = strdup("--device");
		copies[argc++] = strdup("meter-1");
	}
	/* getopt_long(3) moves them. */
	memcpy(argv, copies, sizeof(argv));
	result = otactl_main(argc, argv);
	for (int i = 0; i < argc; i++)
		free(copies[i]);
	return result;
}

static void forget(void)
{
	for (size_t i = 0; i < world.n_peers; i++)
		close(world.peers[i].fd);
	memset(&world, 0, sizeof(world));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *const *command = commands[fuzz_take_byte(&data, &size) %
					      OTA_ARRAY_SIZE(commands)];
	uint8_t choice = fuzz_take_byte(&data, &size);
	FILE *out = stdout, *complaints = stderr;
	char *text = NULL, *complaint = NULL;
	bool completes = command[0][0] == '-';
	/* These are about the device that is their argument. */
	bool names_device = strcmp(command[0], "device") == 0 && command[2];
	bool json = choice & 4 && !completes;
	bool behind = choice & 8 && !completes && !names_device;
	size_t text_bytes, complaint_bytes;
	int result;

	start_of_all();
	world.data = data;
	world.size = size;
	choose_screen(choice);
	stdout = open_memstream(&text, &text_bytes);
	stderr = open_memstream(&complaint, &complaint_bytes);
	fuzz_check(stdout && stderr);
	result = run(command, json, behind);
	fclose(stdout);
	fclose(stderr);
	stdout = out;
	stderr = complaints;
	check_output(text, json, completes);
	check_complaints(complaint, result);
	free(text);
	free(complaint);
	forget();
	return 0;
}
