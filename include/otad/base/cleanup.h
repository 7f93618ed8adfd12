#pragma once

/*
 * Scope-bound release of locals.
 *
 *	OTA_CLEANUP(offer_freep) struct offer *o = offer_new(...);
 *	...
 *	job->offer = OTA_TAKE(o);     // the job owns it now
 *
 * OTA_DEFINE_CLEANUP(struct offer *, offer_free) defines offer_freep(). The
 * destructor must accept NULL.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OTA_CLEANUP(fn) __attribute__((cleanup(fn)))
#define OTA_MUST_CHECK __attribute__((warn_unused_result))
#define OTA_PRINTF(text, first) __attribute__((format(printf, text, first)))

#define OTA_DEFINE_CLEANUP(type, fn)                                           \
	static inline void fn##p(type *p)                                      \
	{                                                                      \
		if (*p)                                                        \
			fn(*p);                                                \
	}

/* Hands a pointer over: yields it and leaves NULL behind. */
#define OTA_TAKE(p)                                                            \
	({                                                                     \
		__typeof__(p) taken_ = (p);                                    \
		(p) = NULL;                                                    \
		taken_;                                                        \
	})

#define OTA_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void close_fdp(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}
