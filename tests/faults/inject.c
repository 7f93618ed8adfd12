/*
 * Makes one system call or allocation of otad fail, chosen by the path of calls
 * that leads to it. Preloaded; the file $OTAD_FAULTS, which the runner makes and
 * all processes of one run share, takes what is seen and says what shall fail.
 *
 * System calls come here by Syscall User Dispatch (prctl(2)): also those that
 * libraries and libc itself make, and, unlike a seccomp filter's, none of the
 * programs that otad runs. The child of a vfork(2) is dispatched until execve(2).
 * Other threads are not: their allocations are seen, their calls are strace's.
 */

#include "inject.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>
#include <unwind.h>

#define SS_AUTODISARM (1U << 31) /* of linux/signal.h, which glibc's excludes */
#define SIGRETURN_BYTES 9
#define KERNEL_SIGSET_BYTES 8
#define SIGSYS_BIT (1ULL << (SIGSYS - 1))

/* glibc's own, under names that stay. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

/* How a handler returns; in the form by which unwinders know a signal's frame. */
void inject_sigreturn(void);
__asm__(".text\n"
	".globl inject_sigreturn\n"
	".hidden inject_sigreturn\n"
	"	nop\n" /* unwinders look at the byte before */
	"inject_sigreturn:\n"
	"	movq $15, %rax\n"
	"	syscall\n"
	"	nop\n");

struct kernel_sigaction {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long long mask;
};
#define KERNEL_SA_RESTORER 0x04000000UL

/* A preloaded library has nobody who could hand these to it. */
static struct injection *shared;
static volatile char selector;
static char stack[65536], child_stack[65536];
static __thread bool is_inside __attribute__((tls_model("initial-exec")));

static long call_kernel(long number, long a, long b, long c, long d, long e,
			long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10),
			   "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* ---- which path of calls ---- */

struct path {
	uint64_t hash;
	uint32_t count;
	const struct link_map *own;
	struct injection_frame frames[INJECTION_FRAMES];
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ (hash >> 29);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The number of a library; 0 is the program. */
static uint32_t module_of(const struct link_map *map)
{
	const char *name = base_name(map->l_name);
	uint32_t i;

	if (!*name)
		return 0;
	for (i = 1; i < INJECTION_MODULES - 1; i++) {
		if (!shared->modules[i][0])
			strncpy(shared->modules[i], name,
				sizeof(shared->modules[i]) - 1);
		if (strncmp(shared->modules[i], name,
			    sizeof(shared->modules[i]) - 1) == 0)
			return i;
	}
	return i;
}

static _Unwind_Reason_Code take_frame(struct _Unwind_Context *context, void *data)
{
	struct path *path = data;
	uintptr_t at = _Unwind_GetIP(context);
	struct dl_find_object found;
	struct injection_frame frame;

	if (!at)
		return _URC_END_OF_STACK;
	if (_dl_find_object((void *)at, &found) < 0)
		return _URC_NO_REASON;
	if (found.dlfo_link_map == path->own)
		return _URC_NO_REASON;
	frame.module = module_of(found.dlfo_link_map);
	frame.offset = (uint32_t)(at - found.dlfo_link_map->l_addr);
	/* Names and not numbers: libraries may be seen in another order. */
	for (const char *c = base_name(found.dlfo_link_map->l_name); *c; c++)
		path->hash = mix(path->hash, (unsigned char)*c);
	path->hash = mix(path->hash, frame.offset);
	if (path->count < INJECTION_FRAMES)
		path->frames[path->count++] = frame;
	return _URC_NO_REASON;
}

static struct injection_site *site_of(const struct path *path, uint32_t call)
{
	uint32_t i;

	for (i = 0; i < INJECTION_SITES; i++) {
		struct injection_site *site =
			&shared->sites[(path->hash + i) % INJECTION_SITES];
		uint64_t none = 0;

		if (atomic_compare_exchange_strong(&site->hash, &none,
						   path->hash)) {
			site->call = call;
			memcpy(site->frames, path->frames,
			       path->count * sizeof(*path->frames));
			site->frame_count = path->count;
			return site;
		}
		if (none == path->hash)
			return site;
	}
	shared->overflows++;
	return NULL;
}

/* What is taken out of an epoll set needs nothing that may be missing. */
static bool cannot_fail(long number, const greg_t *regs)
{
	return number == SYS_epoll_ctl && regs[REG_RSI] == EPOLL_CTL_DEL;
}

static void record(const struct path *path, uint32_t call)
{
	struct injection_site *site = site_of(path, call);

	if (site)
		site->count++;
}

/* The errno with which this call shall fail, or 0. */
static int fault_of(uint32_t call)
{
	struct path path = { .hash = mix(0x6f746164, call) };
	struct dl_find_object found;

	if (shared->is_injected)
		return 0;
	if (_dl_find_object((void *)&inject_sigreturn, &found) == 0)
		path.own = found.dlfo_link_map;
	_Unwind_Backtrace(take_frame, &path);
	if (!shared->wanted_hash) {
		record(&path, call);
		return 0;
	}
	if (path.hash != shared->wanted_hash ||
	    ++shared->reached != shared->wanted_number)
		return 0;
	shared->is_injected = 1;
	return (int)shared->error;
}

/* ---- system calls ---- */

static void emulate_sigprocmask(const greg_t *regs, ucontext_t *context)
{
	const unsigned long long *set = (void *)regs[REG_RSI];
	unsigned long long *before = (void *)regs[REG_RDX];
	unsigned long long mask, old;

	memcpy(&old, &context->uc_sigmask, sizeof(old));
	mask = old;
	if (set && regs[REG_RDI] == SIG_BLOCK)
		mask |= *set;
	else if (set && regs[REG_RDI] == SIG_UNBLOCK)
		mask &= ~*set;
	else if (set)
		mask = *set;
	mask &= ~SIGSYS_BIT;
	memcpy(&context->uc_sigmask, &mask, sizeof(mask));
	if (before)
		*before = old;
}

static long dispatch_on(void)
{
	return call_kernel(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH,
			   PR_SYS_DISPATCH_ON, (long)&inject_sigreturn,
			   SIGRETURN_BYTES + 1, (long)&selector, 0);
}

/*
 * Parent and child return from one frame, one after the other: what the child
 * changes of it, the parent puts back.
 */
static long do_vfork(ucontext_t *context)
{
	long pid = call_kernel(SYS_vfork, 0, 0, 0, 0, 0, 0);
	bool is_child = pid == 0;

	context->uc_stack.ss_sp = is_child ? child_stack : stack;
	if (is_child)
		dispatch_on();
	return pid;
}

static long do_call(long number, const greg_t *regs, ucontext_t *context)
{
	switch (number) {
	case SYS_rt_sigprocmask:
		emulate_sigprocmask(regs, context);
		return 0;
	case SYS_rt_sigaction:
		if (regs[REG_RDI] == SIGSYS)
			return 0;
		break;
	case SYS_vfork:
		return do_vfork(context);
	}
	return call_kernel(number, regs[REG_RDI], regs[REG_RSI], regs[REG_RDX],
			   regs[REG_R10], regs[REG_R8], regs[REG_R9]);
}

static long fail(long number, int error, const greg_t *regs)
{
	switch (number) {
	case SYS_brk: /* says where the end still is */
		return call_kernel(number, 0, 0, 0, 0, 0, 0);
	case SYS_close: /* closes whatever it says */
		call_kernel(number, regs[REG_RDI], 0, 0, 0, 0, 0);
		break;
	}
	return -error;
}

static void on_call(int signal_number, siginfo_t *info, void *data)
{
	ucontext_t *context = data;
	greg_t *regs = context->uc_mcontext.gregs;
	long number = regs[REG_RAX];
	bool was_inside = is_inside;
	int error;

	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	is_inside = true;
	error = was_inside || cannot_fail(number, regs) ?
			0 :
			fault_of((uint32_t)number);
	regs[REG_RAX] = error ? fail(number, error, regs) :
				do_call(number, regs, context);
	is_inside = was_inside;
	selector = SYSCALL_DISPATCH_FILTER_BLOCK;
}

/* ---- allocations ---- */

static bool fails(uint32_t call)
{
	int error;

	if (!shared || is_inside)
		return false;
	is_inside = true;
	error = fault_of(call);
	is_inside = false;
	if (error)
		errno = error;
	return error != 0;
}

void *malloc(size_t size)
{
	return fails(INJECTION_MALLOC) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails(INJECTION_CALLOC) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return fails(INJECTION_REALLOC) ? NULL : __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
	return fails(INJECTION_MEMALIGN) ? NULL :
					   __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
	void *memory = memalign(alignment, size);

	if (!memory)
		return ENOMEM;
	*ret = memory;
	return 0;
}

/* A thread's stack cannot be given to the kernel from within a signal handler. */
int pthread_create(pthread_t *ret, const pthread_attr_t *attributes,
		   void *(*start)(void *), void *data)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
		    void *) = dlsym(RTLD_NEXT, "pthread_create");
	char before = selector;
	int error;

	if (fails(INJECTION_PTHREAD_CREATE))
		return errno;
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	error = real(ret, attributes, start, data);
	selector = before;
	return error;
}

/* ---- crashes ---- */

static _Unwind_Reason_Code take_crash(struct _Unwind_Context *context, void *data)
{
	uintptr_t at = _Unwind_GetIP(context);
	const struct link_map *own = data;
	struct dl_find_object found;
	const char *name;

	if (!at || _dl_find_object((void *)at, &found) < 0 ||
	    found.dlfo_link_map == own)
		return _URC_NO_REASON;
	name = base_name(found.dlfo_link_map->l_name);
	if (strcmp(name, "libc.so.6") == 0)
		return _URC_NO_REASON;
	strncpy(shared->crashed_in, name, sizeof(shared->crashed_in) - 1);
	return _URC_END_OF_STACK;
}

static void on_crash(int signal_number, siginfo_t *info, void *data)
{
	struct kernel_sigaction fatal = { .handler = NULL };
	struct dl_find_object own;

	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	is_inside = true;
	if (shared->is_injected &&
	    _dl_find_object((void *)&inject_sigreturn, &own) == 0)
		_Unwind_Backtrace(take_crash, own.dlfo_link_map);
	/* Once more, and then for good. */
	call_kernel(SYS_rt_sigaction, signal_number, (long)&fatal, 0,
		    KERNEL_SIGSET_BYTES, 0, 0);
}

/* ---- the beginning ---- */

static bool is_otad(void)
{
	const char *path = (const char *)getauxval(AT_EXECFN);

	return path && strcmp(base_name(path), "otad") == 0;
}

static struct injection *map_shared(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *memory;

	if (fd < 0)
		return NULL;
	memory = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED,
		      fd, 0);
	close(fd);
	return memory == MAP_FAILED ? NULL : memory;
}

static _Unwind_Reason_Code take_nothing(struct _Unwind_Context *context, void *data)
{
	return _URC_END_OF_STACK;
}

__attribute__((constructor)) static void begin(void)
{
	struct kernel_sigaction action = {
		.handler = on_call,
		.flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER |
			 KERNEL_SA_RESTORER,
		.restorer = inject_sigreturn,
	};
	struct kernel_sigaction crash = action;
	const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	/* Disarmed while a handler runs, so that do_vfork() can choose another. */
	stack_t own = {
		.ss_sp = stack,
		.ss_size = sizeof(stack),
		.ss_flags = (int)SS_AUTODISARM,
	};
	unsigned long long only = SIGSYS_BIT;
	const char *path = getenv("OTAD_FAULTS");
	struct injection *memory = path && is_otad() ? map_shared(path) : NULL;

	if (!memory)
		return;
	crash.handler = on_crash;
	/* Its first use makes calls of its own: not within otad's first one. */
	_Unwind_Backtrace(take_nothing, NULL);
	shared = memory;
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		call_kernel(SYS_rt_sigaction, fatal[i], (long)&crash, 0,
			    KERNEL_SIGSET_BYTES, 0, 0);
	if (call_kernel(SYS_sigaltstack, (long)&own, 0, 0, 0, 0, 0) < 0 ||
	    call_kernel(SYS_rt_sigaction, SIGSYS, (long)&action, 0,
			KERNEL_SIGSET_BYTES, 0, 0) < 0 ||
	    call_kernel(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&only, 0,
			KERNEL_SIGSET_BYTES, 0, 0) < 0)
		abort();
	if (dispatch_on() == 0) {
		shared->is_dispatched = 1;
		selector = SYSCALL_DISPATCH_FILTER_BLOCK;
	}
}
