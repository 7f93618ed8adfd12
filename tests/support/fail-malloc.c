/*
 * malloc(3) that fails once: the call after the first $OTAD_FAIL_MALLOC (a
 * number) of a program that this is preloaded into, or those counted by
 * fail_malloc_after() in a test that links it.
 */

#include "fail-malloc.h"

#include <errno.h>
#include <stdlib.h>

/* glibc's own, under names that stay. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static long countdown = -1; /* -1: never */

void fail_malloc_after(long count)
{
	countdown = count;
}

bool fail_malloc_happened(void)
{
	return countdown < 0;
}

static bool fails(void)
{
	if (countdown < 0 || countdown-- > 0)
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}

__attribute__((constructor)) static void read_environment(void)
{
	const char *count = getenv("OTAD_FAIL_MALLOC");

	if (count)
		countdown = atol(count);
}
