/*
 * A new version of otad that does what it is told: runs the shell script that is
 * appended to its file behind a line "#!appended", and stays until that ends. Its children end
 * with it, but for those that the script has start a session of their own.
 */

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char text[1 << 16]; /* of its file, the end */

int main(void)
{
	static const char mark[] = "\n#!appended\n";
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), status = 0;
	off_t end = lseek(fd, 0, SEEK_END);
	off_t begin = end > (off_t)sizeof(text) ? end - (off_t)sizeof(text) + 1 : 0;
	ssize_t size = pread(fd, text, sizeof(text) - 1, begin);
	char *script = NULL;
	pid_t pid;

	for (char *at = text; size > 0 &&
	     (at = memmem(at, (size_t)(text + size - at), mark, strlen(mark)));)
		script = at += strlen(mark);
	if (!script)
		return 3;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/bin/sh", "sh", "-c", script, (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0)
		return 3;
	if (WIFSIGNALED(status))
		raise(WTERMSIG(status));
	return WEXITSTATUS(status);
}
