#include "support/http-server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <openssl/ssl.h>

#include "otad/base/json.h"

#include <json-c/json.h>

#define PYTHON "/usr/bin/python3"
#define SCRIPT OTAD_SOURCE_ROOT "/tests/support/http_server.py"
#define N_TEXTS 8

/* Rotating buffers: handy in tests, where nothing is kept for long. */
struct texts {
	char texts[N_TEXTS][PATH_MAX];
	unsigned next;
};

struct http_server {
	char dir[PATH_MAX - 64];
	struct texts *texts;
	uint16_t port;
	pid_t pid;
	bool tls;
};

static void die(const char *format, ...) __attribute__((format(printf, 1, 2)))
__attribute__((noreturn));

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "test HTTP server: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(99);
}

static char *next_text(const struct http_server *server)
{
	return server->texts->texts[server->texts->next++ % N_TEXTS];
}

uint16_t http_server_port(const struct http_server *server)
{
	return server->port;
}

const char *http_server_url(const struct http_server *server, const char *path)
{
	char *text = next_text(server);

	snprintf(text, PATH_MAX, "%s:%u%s",
		 server->tls ? "https://" HTTP_SERVER_NAME
			     : "http://127.0.0.1",
		 server->port, path);
	return text;
}

const char *http_server_file(const struct http_server *server, const char *name)
{
	char *text = next_text(server);

	snprintf(text, PATH_MAX, "%s/%s", server->dir, name);
	return text;
}

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *format, ...)
{
	char command[4 * PATH_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command) != 0)
		die("failed: %s", command);
}

static void make_certificate(const struct http_server *server)
{
	run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
	    "-nodes -days 2 -subj /CN=test "
	    "-addext subjectAltName=DNS:" HTTP_SERVER_NAME " "
	    "-keyout '%s/key.pem' -out '%s/cert.pem' 2>/dev/null",
	    server->dir, server->dir);
}

static void exec_server(const struct http_server *server,
			enum http_server_kind kind, int out_fd)
{
	char root[PATH_MAX], cert[PATH_MAX], key[PATH_MAX];
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* What the loop blocks, its children must not inherit. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(out_fd, STDOUT_FILENO);
	snprintf(root, sizeof(root), "%s/www", server->dir);
	snprintf(cert, sizeof(cert), "%s/cert.pem", server->dir);
	snprintf(key, sizeof(key), "%s/key.pem", server->dir);
	execl(PYTHON, PYTHON, SCRIPT, "--root", root,
	      server->tls ? "--cert" : (char *)NULL, cert, "--key", key,
	      kind == HTTP_TLS_FOR_KNOWN ? "--client-ca" : (char *)NULL, cert,
	      (char *)NULL);
	_exit(98);
}

struct http_server *http_server_start(enum http_server_kind kind)
{
	struct http_server *server = calloc(1, sizeof(*server));
	const char *tmp = getenv("TMPDIR");
	char line[16] = "";
	FILE *port;
	int fds[2];

	if (!server || pipe2(fds, O_CLOEXEC) < 0)
		die("%s", strerror(errno));
	server->texts = calloc(1, sizeof(*server->texts));
	if (!server->texts)
		die("out of memory");
	server->tls = kind != HTTP_PLAIN;
	snprintf(server->dir, sizeof(server->dir), "%s/otad-http-XXXXXX",
		 tmp ? tmp : "/tmp");
	if (!mkdtemp(server->dir))
		die("%s: %s", server->dir, strerror(errno));
	if (mkdir(http_server_file(server, "www"), 0700) < 0)
		die("www: %s", strerror(errno));
	if (server->tls)
		make_certificate(server);
	server->pid = fork();
	if (server->pid < 0)
		die("fork: %s", strerror(errno));
	if (server->pid == 0)
		exec_server(server, kind, fds[1]);
	close(fds[1]);
	port = fdopen(fds[0], "r");
	if (!port || !fgets(line, sizeof(line), port))
		die("%s did not start", SCRIPT);
	fclose(port);
	server->port = (uint16_t)atoi(line);
	return server;
}

void http_server_stop(struct http_server *server)
{
	if (!server)
		return;
	kill(server->pid, SIGTERM);
	waitpid(server->pid, NULL, 0);
	run("rm -rf '%s'", server->dir);
	free(server->texts);
	free(server);
}

void http_server_put(const struct http_server *server, const char *name,
		     size_t size, unsigned seed)
{
	char path[2 * PATH_MAX];
	uint32_t state = seed * 2654435761u + 1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/www/%s", server->dir, name);
	file = fopen(path, "we");
	if (!file)
		die("%s: %s", path, strerror(errno));
	for (size_t i = 0; i < size; i++) {
		state = state * 1664525u + 1013904223u;
		fputc((int)(state >> 24), file);
	}
	if (fclose(file) != 0)
		die("%s: %s", path, strerror(errno));
}

static int connect_to(const struct http_server *server)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(server->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("connect: %s", strerror(errno));
	return fd;
}

/* One exchange; blocking is fine here. Returns the whole answer, owned. */
static char *exchange(BIO *bio, const char *request)
{
	size_t size = 0, room = 1 << 20;
	char *answer = malloc(room);
	int n;

	if (!answer || BIO_write(bio, request, (int)strlen(request)) <= 0)
		die("cannot ask");
	while ((n = BIO_read(bio, answer + size, (int)(room - size - 1))) > 0)
		size += (size_t)n;
	answer[size] = '\0';
	return answer;
}

/* The body of the answer, owned. */
static char *control(const struct http_server *server, const char *method,
		     const char *path, const char *body)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	BIO *bio = BIO_new_socket(connect_to(server), BIO_CLOSE);
	char *request, *answer, *text;

	if (server->tls) {
		BIO *tls = BIO_new_ssl(ctx, 1);

		bio = BIO_push(tls, bio);
	}
	if (asprintf(&request,
		     "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		     "Content-Length: %zu\r\n\r\n%s",
		     method, path, strlen(body), body) < 0)
		die("out of memory");
	answer = exchange(bio, request);
	text = strstr(answer, "\r\n\r\n");
	if (strncmp(answer, "HTTP/1.1 200", 12) != 0 || !text)
		die("%s %s %s: %s", method, path, body, answer);
	text = strdup(text + 4);
	free(request);
	free(answer);
	BIO_free_all(bio);
	SSL_CTX_free(ctx);
	return text;
}

void http_server_script(const struct http_server *server, const char *path,
			const char *faults)
{
	char *body;

	if (asprintf(&body, "{\"path\":\"%s\",\"faults\":%s}", path, faults) < 0)
		die("out of memory");
	free(control(server, "POST", "/_script", body));
	free(body);
}

void http_server_reset(const struct http_server *server)
{
	free(control(server, "POST", "/_reset", "{}"));
}

static void copy_header(struct json_object *headers, const char *name,
			char text[HTTP_MAX_TEXT])
{
	const char *value = json_get_string(headers, name);

	snprintf(text, HTTP_MAX_TEXT, "%s", value ? value : "");
}

static void see(struct json_object *entry, struct http_request_seen *seen)
{
	struct json_object *headers = json_get(entry, "headers");

	*seen = (struct http_request_seen){
		.status = (unsigned)json_get_int(entry, "status", 0),
		.sent_bytes = (uint64_t)json_get_int(entry, "sent", 0),
		.has_credentials = json_get(headers, "Authorization") ||
				   json_get(headers, "Cookie"),
	};
	snprintf(seen->method, sizeof(seen->method), "%s",
		 json_get_string(entry, "method"));
	copy_header(headers, "Range", seen->range);
	copy_header(headers, "If-Range", seen->if_range);
	copy_header(headers, "Accept-Encoding", seen->accept_encoding);
	copy_header(headers, "User-Agent", seen->user_agent);
	if (sscanf(seen->range, "bytes=%lu-", &seen->first_byte) != 1)
		seen->first_byte = 0;
}

void http_server_log(const struct http_server *server, const char *path,
		     struct http_log *ret_log)
{
	char *text = control(server, "GET", "/_log", "");
	struct json_object *entries = json_tokener_parse(text);
	size_t n = json_object_array_length(entries);

	ret_log->n_requests = 0;
	for (size_t i = 0; i < n; i++) {
		struct json_object *entry = json_object_array_get_idx(entries, i);
		const char *at = json_get_string(entry, "path");

		if (strcspn(at, "?") != strlen(path) ||
		    strncmp(at, path, strlen(path)) != 0)
			continue;
		if (ret_log->n_requests == HTTP_MAX_REQUESTS)
			die("more than %d requests", HTTP_MAX_REQUESTS);
		see(entry, &ret_log->requests[ret_log->n_requests++]);
	}
	json_object_put(entries);
	free(text);
}
