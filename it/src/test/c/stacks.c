// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls on stacks that are not the thread's own: coroutines, handlers on an alternate stack, small threads.
 *
 *     stacks FILE
 *
 * FILE has at least 1 MiB, and only its first MiB is read. Exit status: 0 if all is as it should be; 1 if not (each difference
 * is a line); 2 it could not run. Linux passes it.
 */
#define _GNU_SOURCE
#include <linux/aio_abi.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { BLOCK = 4096, BYTES = 1 << 20, COROUTINES = 16, MIGRATIONS = 200, SHORT_THREADS = 3000, MANY_THREADS = 200 };

static int differences;
static const char *path;
static int fd;
static char *reference;

static void fatal(const char *what)
{
	fprintf(stderr, "stacks: %s: %s\n", what, strerror(errno));
	exit(2);
}

static long answer(long result)
{
	return result == -1 ? -errno : result;
}

static void expect(const char *what, long got, long wanted)
{
	if (got != wanted) {
		printf("%s: %ld%s%s, not %ld\n", what, got, got < 0 ? " " : "", got < 0 ? strerror((int)-got) : "", wanted);
		__atomic_fetch_add(&differences, 1, __ATOMIC_RELAXED);
	}
}

static char *pages(size_t bytes)
{
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		fatal("mmap");
	return at;
}

/* Reads a block by pread, by aio, and through a descriptor of its own; nothing big is on the stack. */
static void calls(const char *where, unsigned block, char *buffer)
{
	aio_context_t ctx = 0;
	struct iocb iocb = { .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = (uint32_t)fd, .aio_nbytes = BLOCK,
			     .aio_buf = (uintptr_t)buffer, .aio_offset = (int64_t)block * BLOCK };
	struct iocb *list = &iocb;
	struct io_event event;
	int other;

	memset(buffer, 0, BLOCK);
	expect(where, answer(pread(fd, buffer, BLOCK, (off_t)block * BLOCK)), BLOCK);
	expect(where, memcmp(buffer, reference + (size_t)block * BLOCK, BLOCK), 0);
	memset(buffer, 0, BLOCK);
	expect(where, answer(syscall(SYS_io_setup, 4, &ctx)), 0);
	expect(where, answer(syscall(SYS_io_submit, ctx, 1L, &list)), 1);
	expect(where, answer(syscall(SYS_io_getevents, ctx, 1L, 1L, &event, NULL)), 1);
	expect(where, event.res, BLOCK);
	expect(where, memcmp(buffer, reference + (size_t)block * BLOCK, BLOCK), 0);
	expect(where, answer(syscall(SYS_io_destroy, ctx)), 0);
	other = open(path, O_RDONLY);
	expect(where, other >= 0, true);
	expect(where, answer(lseek(other, 512, SEEK_SET)), 512);
	expect(where, answer(read(other, buffer, 512)), 512);
	expect(where, memcmp(buffer, reference + 512, 512), 0);
	expect(where, answer(close(other)), 0);
}

/* Coroutines. */

static ucontext_t back, there[COROUTINES];
static char *buffers;

static void coroutine(int number)
{
	for (unsigned i = 0; i < 5; i++) {
		calls("a coroutine", (unsigned)number * 5 + i, buffers + number * BLOCK);
		swapcontext(&there[number], &back);
	}
}

static void coroutines(size_t size)
{
	char *stacks[COROUTINES];

	for (int i = 0; i < COROUTINES; i++) {
		stacks[i] = malloc(size);
		if (!stacks[i] || getcontext(&there[i]) != 0)
			fatal("a coroutine");
		there[i].uc_stack.ss_sp = stacks[i];
		there[i].uc_stack.ss_size = size;
		there[i].uc_link = &back;
		makecontext(&there[i], (void (*)(void))coroutine, 1, i);
	}
	for (int turn = 0; turn < 6; turn++)
		for (int i = 0; i < COROUTINES; i++)
			swapcontext(&back, &there[i]);
	for (int i = 0; i < COROUTINES; i++)
		free(stacks[i]);
}

/* One that goes from thread to thread: each has a turn with it. */

static ucontext_t wanderer, resume[2];
static pthread_barrier_t turn;
static volatile int holder;

static void wander(void)
{
	for (unsigned i = 0; i < MIGRATIONS; i++) {
		calls("a coroutine that wanders", i, buffers);
		swapcontext(&wanderer, &resume[holder]);
	}
}

static void *carry(void *number)
{
	int mine = (int)(intptr_t)number;

	for (int i = 0; i < MIGRATIONS; i++) {
		pthread_barrier_wait(&turn);
		if (i % 2 == mine) {
			holder = mine;
			swapcontext(&resume[mine], &wanderer);
		} else {
			calls("a thread beside it", (unsigned)i, buffers + BLOCK);
		}
	}
	return NULL;
}

static void migrations(void)
{
	size_t size = 128 << 10;
	char *stack = malloc(size);
	pthread_t threads[2];

	if (!stack || getcontext(&wanderer) != 0)
		fatal("a coroutine");
	wanderer.uc_stack.ss_sp = stack;
	wanderer.uc_stack.ss_size = size;
	makecontext(&wanderer, wander, 0);
	pthread_barrier_init(&turn, NULL, 2);
	for (intptr_t i = 0; i < 2; i++)
		if ((errno = pthread_create(&threads[i], NULL, carry, (void *)i)) != 0)
			fatal("pthread_create");
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	free(stack);
}

/* Handlers on an alternate stack, one of which interrupts the other there. */

static volatile int handled, nested;
static sigjmp_buf out;
static volatile char *volatile nowhere;

static void on_nested(int signal)
{
	(void)signal;
	nested++;
}

static void on_alternate(int signal)
{
	volatile char canary[256];

	memset((char *)canary, 'c', sizeof(canary));
	calls("a handler on an alternate stack", (unsigned)handled % 200, buffers);
	raise(SIGUSR2);
	for (size_t i = 0; i < sizeof(canary); i++)
		if (canary[i] != 'c') {
			expect("the stack of a handler", canary[i], 'c');
			break;
		}
	handled++;
	if (signal == SIGSEGV)
		siglongjmp(out, 1);
}

static void alternate(size_t size)
{
	struct sigaction action = { .sa_handler = on_alternate, .sa_flags = SA_ONSTACK }, old;
	struct sigaction other = { .sa_handler = on_nested, .sa_flags = SA_ONSTACK };
	stack_t none = { .ss_flags = SS_DISABLE };
	stack_t stack = { .ss_size = size };
	int before = handled, nested_before = nested;

	stack.ss_sp = malloc(size);
	if (!stack.ss_sp || sigaltstack(&stack, NULL) != 0)
		fatal("sigaltstack");
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &other, NULL);
	sigaction(SIGSEGV, &action, &old);
	for (unsigned i = 0; i < 20; i++) {
		raise(SIGUSR1);
		calls("between handlers", i, buffers + BLOCK);
		if (sigsetjmp(out, 1) == 0)
			*nowhere = 1;
	}
	sigaction(SIGSEGV, &old, NULL);
	expect("handlers that ran", handled - before, 40);
	expect("handlers inside them", nested - nested_before, 40);
	sigaltstack(&none, NULL);
	free(stack.ss_sp);
}

/* Threads. */

static void *small(void *number)
{
	/* Not calls(): what is on this stack is the C library's, too. */
	unsigned block = (unsigned)(uintptr_t)number % (BYTES / BLOCK);
	char *buffer = buffers + (uintptr_t)number % COROUTINES * BLOCK;
	char word[16];

	expect("pread on a small stack", answer(pread(fd, word, sizeof(word), (off_t)block * BLOCK)), sizeof(word));
	expect("what it read", memcmp(word, reference + (size_t)block * BLOCK, sizeof(word)), 0);
	return buffer;
}

static void threads(const char *what, size_t stack, int count, int together)
{
	pthread_t all[MANY_THREADS];
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	if (stack != 0 && (errno = pthread_attr_setstacksize(&attributes, stack)) != 0)
		fatal(what);
	for (int done = 0; done < count && !differences; done += together) {
		for (uintptr_t i = 0; i < (uintptr_t)together; i++)
			if ((errno = pthread_create(&all[i], &attributes, small, (void *)(i + (unsigned)done))) != 0)
				fatal(what);
		for (int i = 0; i < together; i++)
			pthread_join(all[i], NULL);
	}
	pthread_attr_destroy(&attributes);
}

/* Deep in the program's own stack. */
static int deep(int depth)
{
	volatile char room[1024];

	room[0] = (char)depth;
	if (depth == 0) {
		calls("deep in the stack", 3, buffers);
		return room[0];
	}
	return deep(depth - 1) + room[0] - (char)depth;
}

/* A stack of a thread that the program gave it. */
static void *own_stack(void *unused)
{
	calls("a thread on memory of the program", 5, buffers);
	return unused;
}

static void given(void)
{
	size_t size = 64 << 10;
	void *stack = aligned_alloc(4096, size);
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack, size);
	if ((errno = pthread_create(&thread, &attributes, own_stack, NULL)) != 0)
		fatal("pthread_create");
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
	free(stack);
}

int main(int argc, char **argv)
{
	pthread_attr_t before, after;
	void *at[2];
	size_t size[2];

	if (argc != 2) {
		fprintf(stderr, "usage: stacks FILE\n");
		return 2;
	}
	path = argv[1];
	fd = open(path, O_RDONLY);
	reference = pages(BYTES);
	buffers = pages(COROUTINES * BLOCK);
	pthread_getattr_np(pthread_self(), &before);
	if (fd < 0)
		fatal(path);
	for (size_t i = 0; i < BYTES; i += 65536)
		if (answer(pread(fd, reference + i, 65536, (off_t)i)) != 65536)
			fatal("a file of 1 MiB or more");
	coroutines(1 << 20);
	coroutines(64 << 10);
	coroutines(32 << 10);
	migrations();
	alternate(64 << 10);
	alternate(32 << 10);
	alternate((size_t)SIGSTKSZ > 16384 ? (size_t)SIGSTKSZ : 16384);
	given();
	threads("threads with the smallest stack", PTHREAD_STACK_MIN, 400, 20);
	threads("threads with 64 KiB", 64 << 10, 200, 20);
	threads("many threads", 0, MANY_THREADS, MANY_THREADS);
	threads("thousands of short threads", 0, SHORT_THREADS, 10);
	expect("deep", deep(4000), 0);
	/* The program sees its own stacks only. */
	pthread_getattr_np(pthread_self(), &after);
	pthread_attr_getstack(&before, &at[0], &size[0]);
	pthread_attr_getstack(&after, &at[1], &size[1]);
	expect("the end of the stack", (long)((char *)at[1] + size[1]), (long)((char *)at[0] + size[0]));
	printf("stacks: %d differences\n", differences);
	return differences ? 1 : 0;
}
