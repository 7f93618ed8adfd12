#include "support/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define READY_MS      10000
#define READY_STEP_MS 10
#define MAX_ARGS      32

struct broker {
	struct broker_options options;
	char dir[PATH_MAX - 64];
	char path[PATH_MAX];
	uint16_t port;
	pid_t pid;
};

static void die(const char *format, ...) __attribute__((format(printf, 1, 2)))
__attribute__((noreturn));

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "test broker: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(99);
}

const char *broker_file(struct broker *broker, const char *name)
{
	snprintf(broker->path, sizeof(broker->path), "%s/%s", broker->dir,
		 name);
	return broker->path;
}

uint16_t broker_port(const struct broker *broker)
{
	return broker->port;
}

/* In `dir`, quietly; mosquitto lies in sbin, not in everybody's $PATH. */
static pid_t spawn(const char *dir, const char *const *argv)
{
	pid_t pid = fork();
	char path[PATH_MAX];
	int null_fd;

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	null_fd = open("/dev/null", O_RDWR);
	dup2(null_fd, STDIN_FILENO);
	dup2(null_fd, STDOUT_FILENO);
	dup2(null_fd, STDERR_FILENO);
	if (chdir(dir) < 0)
		_exit(98);
	/* What the loop blocks, its children must not inherit. */
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], (char *const *)argv);
	snprintf(path, sizeof(path), "/usr/sbin/%s", argv[0]);
	execv(path, (char *const *)argv);
	_exit(97);
}

static void run(const char *dir, const char *const *argv)
{
	pid_t pid = spawn(dir, argv);
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		die("%s %s failed (%d)", argv[0], argv[1], status);
}

static void make_authority(const char *dir, const char *key, const char *cert)
{
	const char *const argv[] = {
		"openssl",
		"req",
		"-x509",
		"-newkey",
		"ec",
		"-pkeyopt",
		"ec_paramgen_curve:P-256",
		"-nodes",
		"-days",
		"2",
		"-subj",
		"/CN=test authority",
		"-keyout",
		key,
		"-out",
		cert,
		NULL,
	};

	run(dir, argv);
}

static void make_certificate(const char *dir, const char *name, const char *key,
			     const char *cert)
{
	char subject[128], san[128];
	const char *const argv[] = {
		"openssl",
		"req",
		"-x509",
		"-newkey",
		"ec",
		"-pkeyopt",
		"ec_paramgen_curve:P-256",
		"-CA",
		"ca.pem",
		"-CAkey",
		"ca.key",
		"-nodes",
		"-days",
		"2",
		"-subj",
		subject,
		"-addext",
		san,
		"-addext",
		"basicConstraints=critical,CA:FALSE",
		"-keyout",
		key,
		"-out",
		cert,
		NULL,
	};

	snprintf(subject, sizeof(subject), "/CN=%s", name);
	snprintf(san, sizeof(san), "subjectAltName=DNS:%s", name);
	run(dir, argv);
}

static void make_certificates(const char *dir)
{
	make_authority(dir, "ca.key", "ca.pem");
	make_authority(dir, "other-ca.key", "other-ca.pem");
	make_certificate(dir, BROKER_NAME, "server.key", "server.pem");
	make_certificate(dir, "gateway", "client.key", "client.pem");
	make_certificate(dir, BROKER_PATTERN, "pattern.key", "pattern.pem");
}

static uint16_t free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		die("no free port: %s", strerror(errno));
	close(fd);
	return ntohs(address.sin_port);
}

static void write_config(struct broker *broker)
{
	FILE *file = fopen(broker_file(broker, "mosquitto.conf"), "w");

	if (!file)
		die("%s: %s", broker->path, strerror(errno));
	fprintf(file, "listener %u 127.0.0.1\n", broker->port);
	fprintf(file, "set_tcp_nodelay true\nmax_queued_messages 0\n");
	if (geteuid() == 0)
		fprintf(file, "user root\n");
	if (broker->options.username)
		fprintf(file,
			"allow_anonymous false\npassword_file %s/passwords\n",
			broker->dir);
	else
		fprintf(file, "allow_anonymous true\n");
	if (broker->options.tls)
		fprintf(file,
			"cafile %s/ca.pem\ncertfile %s/server.pem\n"
			"keyfile %s/server.key\nrequire_certificate %s\n",
			broker->dir, broker->dir, broker->dir,
			broker->options.client_certificates ? "true" : "false");
	if (fclose(file) != 0)
		die("%s: %s", broker->path, strerror(errno));
}

static bool accepts(uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool done;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	done = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	close(fd);
	return done;
}

static bool await_ready(struct broker *broker)
{
	const struct timespec step = {.tv_nsec = READY_STEP_MS * 1000000L};

	for (int waited = 0; waited < READY_MS; waited += READY_STEP_MS) {
		if (accepts(broker->port))
			return true;
		/* It ends by itself when somebody else took the port. */
		if (waitpid(broker->pid, NULL, WNOHANG) == broker->pid) {
			broker->pid = 0;
			return false;
		}
		nanosleep(&step, NULL);
	}
	die("not ready within %d ms", READY_MS);
}

void broker_restart(struct broker *broker)
{
	const char *const argv[] = {"mosquitto", "-c", "mosquitto.conf", NULL};

	broker->pid = spawn(broker->dir, argv);
	if (!await_ready(broker))
		die("mosquitto does not start on port %u", broker->port);
}

static void start_somewhere(struct broker *broker)
{
	const char *const argv[] = {"mosquitto", "-c", "mosquitto.conf", NULL};

	for (int attempt = 0; attempt < 5; attempt++) {
		broker->port = free_port();
		write_config(broker);
		broker->pid = spawn(broker->dir, argv);
		if (await_ready(broker))
			return;
	}
	die("mosquitto does not start; is it installed?");
}

struct broker *broker_start(const struct broker_options *options)
{
	struct broker *broker = calloc(1, sizeof(*broker));
	const char *tmp = getenv("TMPDIR");

	if (!broker)
		die("out of memory");
	broker->options = *options;
	snprintf(broker->dir, sizeof(broker->dir), "%s/otad-broker-XXXXXX",
		 tmp ? tmp : "/tmp");
	if (!mkdtemp(broker->dir))
		die("%s: %s", broker->dir, strerror(errno));
	if (options->tls)
		make_certificates(broker->dir);
	if (options->username) {
		const char *const argv[] = {
			"mosquitto_passwd",
			"-c",
			"-b",
			"passwords",
			options->username,
			options->password,
			NULL,
		};

		run(broker->dir, argv);
	}
	start_somewhere(broker);
	return broker;
}

static void end(struct broker *broker, int signal_number)
{
	if (broker->pid <= 0)
		return;
	kill(broker->pid, signal_number);
	while (waitpid(broker->pid, NULL, 0) < 0 && errno == EINTR)
		;
	broker->pid = 0;
}

void broker_kill(struct broker *broker)
{
	end(broker, SIGKILL);
}

void broker_stop(struct broker *broker)
{
	const char *argv[] = {"rm", "-rf", NULL, NULL};

	if (!broker)
		return;
	end(broker, SIGTERM);
	argv[2] = broker->dir;
	run("/", argv);
	free(broker);
}
