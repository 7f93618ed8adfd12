#pragma once

/* Memory that runs out at a chosen moment; see fail-malloc.c. */

#include <stdbool.h>

/* The next `count` allocations succeed, the one after fails; -1: none fails. */
void fail_malloc_after(long count);
/* Nothing is counted any more: the one that had to fail did. */
bool fail_malloc_happened(void);
