#include "otad/base/process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "otad/base/cleanup.h"
#include "otad/base/loop.h"

#include "line-buffer.h"
#include "spawn.h"

/* Between SIGTERM and SIGKILL, and after that before giving up on a process
 * that the kernel cannot end (a dead network file system, a broken disk). */
#define GRACE_MS 5000

/* Of one dispatch: a flood of output must leave the loop to others. */
#define READ_BYTES 4096

enum process_stage {
	STAGE_RUNNING,
	STAGE_TERMINATED, /* got SIGTERM */
	STAGE_KILLED,	  /* got SIGKILL */
	STAGE_ENDED,
};

struct stream {
	struct process *process;
	int fd;
	struct loop_source *io;
	size_t left_bytes; /* what there was at the end of the process */
	struct line_buffer lines;
};

struct process {
	struct loop *loop;
	pid_t pid;
	enum process_stage stage;
	struct loop_source *child; /* until it was reaped */
	struct loop_source *timer;
	struct loop_source *drain;
	struct stream out, err;
	process_line_fn on_line;
	process_exit_fn on_exit;
	void *user_data;
	struct process_result result;
	bool *is_gone; /* set by process_free() from within a callback */
};

static void stream_close(struct stream *stream)
{
	stream->io = loop_source_free(stream->io);
	if (stream->fd >= 0)
		close(stream->fd);
	stream->fd = -1;
}

/* systemctl(1) ends with where to look further; the reason stands before. */
static bool is_advice(const char *line)
{
	static const char *const beginnings[] = { "See system logs and ",
						  "See \"systemctl status " };

	for (size_t i = 0; i < OTA_ARRAY_SIZE(beginnings); i++)
		if (strncmp(line, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	return false;
}

static void keep_message(struct process *process, const char *line)
{
	if (line[strspn(line, " ")] &&
	    !(process->result.message[0] && is_advice(line)))
		memcpy(process->result.message, line, strlen(line) + 1);
}

/* False when the callback freed the process. */
static bool take_line(void *user_data, const char *line)
{
	struct stream *stream = user_data;
	struct process *process = stream->process;
	bool is_gone = false;

	if (stream == &process->err) {
		keep_message(process, line);
	} else if (process->on_line) {
		process->is_gone = &is_gone;
		process->on_line(process, line, process->user_data);
		if (is_gone)
			return false;
		process->is_gone = NULL;
	}
	return true;
}

/* False when a callback freed the process. */
static bool read_some(struct stream *stream, size_t max_bytes)
{
	char data[READ_BYTES];
	ssize_t got = read(stream->fd, data,
			   max_bytes < sizeof(data) ? max_bytes : sizeof(data));

	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		stream->left_bytes = 0;
		return true;
	}
	if (got <= 0) {
		stream->left_bytes = 0;
		stream_close(stream);
		return true;
	}
	if (stream->left_bytes)
		stream->left_bytes -= (size_t)got;
	return line_buffer_add(&stream->lines, data, (size_t)got, take_line,
			       stream);
}

static void on_output(struct loop_source *source, int fd, uint32_t events,
		      void *user_data)
{
	struct stream *stream = user_data;

	/* The process may be gone after it. */
	(void)read_some(stream, READ_BYTES);
}

static void finish(struct process *process)
{
	struct process_result result;

	(void)line_buffer_end(&process->err.lines, take_line, &process->err);
	if (!line_buffer_end(&process->out.lines, take_line, &process->out))
		return;
	stream_close(&process->out);
	stream_close(&process->err);
	result = process->result;
	process->on_exit(process, &result, process->user_data);
}

static void on_drain(struct loop_source *source, void *user_data)
{
	struct process *process = user_data;

	/* A defer runs once after it was made, too. */
	if (process->stage != STAGE_ENDED)
		return;
	if (process->err.left_bytes) {
		(void)read_some(&process->err, process->err.left_bytes);
		loop_defer_again(source);
	} else if (process->out.left_bytes) {
		if (read_some(&process->out, process->out.left_bytes))
			loop_defer_again(source);
	} else {
		finish(process);
	}
}

/*
 * Not until the end of file: a process that left the group may keep the pipe
 * open for ever. What the child wrote is in there already.
 */
static void stop_watching(struct stream *stream)
{
	int available;

	stream->io = loop_source_free(stream->io);
	if (stream->fd >= 0 && ioctl(stream->fd, FIONREAD, &available) == 0)
		stream->left_bytes = (size_t)available;
}

static void end(struct process *process)
{
	process->stage = STAGE_ENDED;
	process->timer = loop_source_free(process->timer);
	stop_watching(&process->out);
	stop_watching(&process->err);
	loop_defer_again(process->drain);
}

static void on_child(struct loop_source *source, pid_t pid, int code,
		     int status, void *user_data)
{
	struct process *process = user_data;

	/* It is not reaped yet, so the group is still its own. */
	kill(-pid, SIGKILL);
	process->child = loop_source_free(process->child);
	if (code == CLD_EXITED) {
		process->result.exit_status = status;
		process->result.signal = 0;
	} else {
		process->result.exit_status = -1;
		process->result.signal = status;
	}
	end(process);
}

static void on_time(struct loop_source *timer, void *user_data)
{
	struct process *process = user_data;

	switch (process->stage) {
	case STAGE_RUNNING:
		process->result.timed_out = true;
		process->stage = STAGE_TERMINATED;
		kill(-process->pid, SIGTERM);
		/* A stopped one could not even end itself. */
		kill(-process->pid, SIGCONT);
		loop_timer_set(timer, GRACE_MS);
		break;
	case STAGE_TERMINATED:
		process->stage = STAGE_KILLED;
		kill(-process->pid, SIGKILL);
		loop_timer_set(timer, GRACE_MS);
		break;
	case STAGE_KILLED:
		loop_child_abandon(OTA_TAKE(process->child));
		process->result.exit_status = -1;
		process->result.signal = SIGKILL;
		end(process);
		break;
	case STAGE_ENDED:
		break;
	}
}

static bool stream_open(struct stream *stream, struct process *process, int fd,
			struct ota_error *err)
{
	stream->process = process;
	stream->fd = fd;
	stream->io = loop_add_io(process->loop, fd, EPOLLIN, on_output, stream,
				 err);
	return stream->io != NULL;
}

static bool start(struct process *process,
		  const struct process_request *request, struct ota_error *err)
{
	struct spawned spawned;
	bool watched;

	process->timer = loop_add_timer(process->loop, LOOP_NEVER, on_time,
					process, err);
	if (!process->timer)
		return false;
	process->drain = loop_add_defer(process->loop, on_drain, process, err);
	if (!process->drain)
		return false;
	if (!spawn_program(request->argv, request->env, &spawned, err))
		return false;
	process->pid = spawned.pid;
	process->child = loop_add_child(process->loop, spawned.pid, on_child,
					process, err);
	watched = process->child != NULL;
	watched = stream_open(&process->out, process, spawned.out_fd, err) &&
		  watched;
	watched = stream_open(&process->err, process, spawned.err_fd, err) &&
		  watched;
	if (watched)
		loop_timer_set(process->timer, request->timeout_ms);
	return watched;
}

struct process *process_new(struct loop *loop,
			    const struct process_request *request,
			    process_line_fn on_line, process_exit_fn on_exit,
			    void *user_data, struct ota_error *err)
{
	OTA_CLEANUP(process_freep) struct process *process =
		calloc(1, sizeof(*process));

	if (!process) {
		ota_fail_memory(err, request->name);
		return NULL;
	}
	process->loop = loop;
	process->out.fd = -1;
	process->err.fd = -1;
	process->on_line = on_line;
	process->on_exit = on_exit;
	process->user_data = user_data;
	if (!start(process, request, err)) {
		ota_wrap(err, "%s", request->name);
		return NULL;
	}
	return OTA_TAKE(process);
}

struct process *process_free(struct process *process)
{
	if (!process)
		return NULL;
	if (process->is_gone)
		*process->is_gone = true;
	if (process->child) {
		kill(-process->pid, SIGKILL);
		loop_child_abandon(process->child);
	} else if (process->pid > 0 && process->stage == STAGE_RUNNING) {
		/* It was started, but could not be watched. */
		kill(-process->pid, SIGKILL);
		waitpid(process->pid, NULL, WNOHANG);
	}
	stream_close(&process->out);
	stream_close(&process->err);
	loop_source_free(process->timer);
	loop_source_free(process->drain);
	free(process);
	return NULL;
}

bool process_result_check(const struct process_result *result,
			  const char *name, enum ota_error_kind kind,
			  struct ota_error *err)
{
	const char *message = result->message;
	const char *colon = message[0] ? ": " : "";

	if (result->timed_out)
		return ota_fail(err, kind,
				"%s did not end in time and was stopped%s%s",
				name, colon, message);
	if (result->signal)
		return ota_fail(err, kind, "%s was ended by signal %d (%s)%s%s",
				name, result->signal, strsignal(result->signal),
				colon, message);
	if (result->exit_status != 0)
		return ota_fail(err, kind, "%s failed with exit status %d%s%s",
				name, result->exit_status, colon, message);
	return true;
}
