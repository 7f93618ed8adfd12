/* A new version of otad that lives, but does nothing: not even end politely. */

#include <signal.h>
#include <unistd.h>

int main(void)
{
	signal(SIGTERM, SIG_IGN);
	for (;;)
		pause();
}
