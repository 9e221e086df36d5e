// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of each signal, by each way to ask for it, before and after the first call on a file. Prints it: what it prints
 * is the same on every Linux, and on every other kernel.
 *
 *     dispositions FILE              all of it
 *     dispositions die HOW FILE      makes a call, and ends by a signal
 *     dispositions show              what is inherited (by itself)
 *
 * Exit status: 0; 2 it could not run.
 */
#define _GNU_SOURCE
#include <linux/aio_abi.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

extern char **environ;

static const char *phase;
static const char *file;
static const char *self;
static int fd = -1;

static void fatal(const char *what)
{
	fprintf(stderr, "dispositions: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* Those that a program can set. */
static bool settable(int signal)
{
	return signal != SIGKILL && signal != SIGSTOP && signal != 32 && signal != 33;
}

static bool stops(int signal)
{
	return signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

static unsigned long bits(const sigset_t *set)
{
	unsigned long low;

	memcpy(&low, set, sizeof(low));
	return low;
}

static unsigned long mask_now(void)
{
	sigset_t set;

	pthread_sigmask(SIG_BLOCK, NULL, &set);
	return bits(&set);
}

static void unblock_all(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static volatile int ran, last_code, last_value;
static volatile unsigned long mask_inside;
static volatile bool on_alternate;
static char alternate[65536];

static void note(int signal)
{
	char here;

	(void)signal;
	ran++;
	mask_inside = mask_now();
	on_alternate = &here >= alternate && &here < alternate + sizeof(alternate);
}

static void plain(int signal)
{
	note(signal);
	last_code = last_value = 0;
}

static void informed(int signal, siginfo_t *info, void *context)
{
	note(signal);
	last_code = info->si_code;
	last_value = info->si_value.sival_int;
	if (info->si_signo != signal || !context)
		last_code = -1000;
}

static const char *name_of(sighandler_t handler)
{
	return handler == SIG_DFL ? "default" : handler == SIG_IGN ? "ignored" : handler == SIG_ERR ? "error" :
	       handler == SIG_HOLD ? "hold" : handler == plain ? "plain" : handler == (sighandler_t)(void *)informed ? "informed" : "another";
}

static void show_action(int signal)
{
	struct sigaction action;

	if (sigaction(signal, NULL, &action) != 0) {
		printf(" action: errno %d", errno);
		return;
	}
	printf(" is %s %x %lx", name_of(action.sa_handler), (unsigned)action.sa_flags, bits(&action.sa_mask));
}

/* Sends it once by kill and once by sigqueue, and tells what came. */
static void send(int signal)
{
	union sigval value = { .sival_int = signal * 3 };

	ran = 0;
	kill(getpid(), signal);
	printf(" kill: %d", ran);
	if (ran != 0)
		printf(" inside %lx %d %d", mask_inside, on_alternate, last_code);
	show_action(signal);
	ran = 0;
	sigqueue(getpid(), signal, value);
	printf(" queue: %d", ran);
	if (ran != 0)
		printf(" inside %lx %d %d %d", mask_inside, on_alternate, last_code, last_value);
	printf(" after %lx", mask_now());
}

static void by_sigaction(int signal)
{
	static const int flags[] = { 0, SA_RESTART, SA_NODEFER, SA_ONSTACK, SA_SIGINFO, SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
				     SA_NOCLDSTOP, SA_RESTART | SA_SIGINFO, SA_ONSTACK | SA_RESTART };

	for (size_t i = 0; i < 2 * sizeof(flags) / sizeof(*flags); i++) {
		struct sigaction action = { .sa_flags = flags[i / 2] }, old;

		if (action.sa_flags & SA_SIGINFO)
			action.sa_sigaction = informed;
		else
			action.sa_handler = plain;
		if (i % 2)
			sigfillset(&action.sa_mask);
		printf("%s %d sigaction %x %d:", phase, signal, action.sa_flags, sigaction(signal, &action, &old));
		printf(" old %s", name_of(old.sa_handler));
		send(signal);
		putchar('\n');
	}
	for (int i = 0; i < 2; i++) { /* once */
		struct sigaction action = { .sa_handler = plain, .sa_flags = (int)SA_RESETHAND }, ignore = { .sa_handler = SIG_IGN };

		if (i) {
			action.sa_sigaction = informed;
			action.sa_flags |= SA_SIGINFO | SA_NODEFER;
		}
		sigaction(signal, &action, NULL);
		ran = 0;
		printf("%s %d once:", phase, signal);
		show_action(signal);
		kill(getpid(), signal);
		printf(" %d", ran);
		show_action(signal);
		sigaction(signal, &ignore, NULL);
		putchar('\n');
	}
}

static void by_function(int signal, const char *name, sighandler_t (*function)(int, sighandler_t))
{
	sighandler_t old = function(signal, plain);

	printf("%s %d %s: old %s", phase, signal, name, name_of(old));
	show_action(signal);
	ran = 0;
	kill(getpid(), signal);
	printf(" %d", ran);
	if (ran)
		printf(" %lx", mask_inside);
	show_action(signal);
	printf(" then %s", name_of(function(signal, SIG_IGN)));
	ran = 0;
	kill(getpid(), signal);
	printf(" %d then %s", ran, name_of(function(signal, SIG_DFL)));
	show_action(signal);
	printf(" wrong %s\n", name_of(function(signal, SIG_ERR)));
}

static void by_system_v(int signal)
{
	sighandler_t (*bsd)(int, sighandler_t) = (sighandler_t (*)(int, sighandler_t))dlsym(RTLD_DEFAULT, "bsd_signal");
	sigset_t set;

	printf("%s %d system v: %s", phase, signal, name_of(sigset(signal, plain)));
	printf(" hold %d %lx", sighold(signal), mask_now());
	ran = 0;
	kill(getpid(), signal);
	sigpending(&set);
	printf(" %d pending %d", ran, sigismember(&set, signal));
	printf(" release %d %d %lx", sigrelse(signal), ran, mask_now());
	printf(" set hold %s %lx", name_of(sigset(signal, SIG_HOLD)), mask_now());
	printf(" set %s %lx", name_of(sigset(signal, SIG_IGN)), mask_now());
	printf(" ignore %d", sigignore(signal));
	show_action(signal);
	for (int interrupt = 1; interrupt >= 0; interrupt--) {
		printf(" interrupt %d", siginterrupt(signal, interrupt));
		printf(" %s", name_of(bsd(signal, plain)));
		show_action(signal);
	}
	bsd(signal, SIG_DFL);
	show_action(signal);
	putchar('\n');
}

/* Blocked and sent; then taken by one of the waits. */
static void by_waiting(int signal)
{
	struct sigaction action = { .sa_handler = plain };
	struct timespec now = { 0, 0 };
	union sigval value = { .sival_int = 77 };
	siginfo_t info;
	sigset_t set, all, pending, before;
	int got = 0;

	sigaction(signal, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ran = 0;
	printf("%s %d waits: mask %lx", phase, signal, mask_now());
	kill(getpid(), signal);
	sigpending(&pending);
	printf(" pending %lx", bits(&pending));
	printf(" sigwait %d", sigwait(&set, &got));
	printf(" %d", got);
	sigqueue(getpid(), signal, value);
	memset(&info, 0, sizeof(info));
	printf(" sigwaitinfo %d", sigwaitinfo(&set, &info));
	printf(" %d %d %d", info.si_signo, info.si_code, info.si_value.sival_int);
	printf(" sigtimedwait %d", sigtimedwait(&set, &info, &now));
	printf(" %d", errno);
	raise(signal);
	printf(" sigtimedwait %d", sigtimedwait(&set, &info, &now));
	printf(" %d", info.si_code);
	sigpending(&pending);
	printf(" pending %lx", bits(&pending));
	kill(getpid(), signal);
	printf(" ran %d", ran);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	printf(" %d", ran);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	kill(getpid(), signal);
	sigdelset(&all, signal);
	printf(" sigsuspend %d", sigsuspend(&all));
	printf(" %d %d %lx\n", errno, ran, mask_now());
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	sysv_signal(signal, SIG_DFL);
}

static int end_of(pid_t child)
{
	int status = -1;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return status & ~0x80; /* with a core or without */
}

/* The default, in a child. */
static void by_default(int signal)
{
	pid_t child;

	if (stops(signal))
		return;
	fflush(stdout);
	child = fork();
	if (child == 0) {
		unblock_all();
		sysv_signal(signal, SIG_DFL);
		kill(getpid(), signal);
		_exit(55);
	}
	printf("%s %d default: %x", phase, signal, end_of(child));
	child = fork();
	if (child == 0) {
		unblock_all();
		sysv_signal(signal, plain);
		kill(getpid(), signal);
		_exit(ran);
	}
	printf(" handler in a child: %x\n", end_of(child));
}

/* What the next program has. */

static int show(void)
{
	printf("  mask %lx ignored", mask_now());
	for (int signal = 1; signal <= 64; signal++) {
		struct sigaction action;

		if (!settable(signal))
			continue;
		sigaction(signal, NULL, &action);
		if (action.sa_handler == SIG_IGN)
			printf(" %d", signal);
		else if (action.sa_handler != SIG_DFL)
			printf(" handler of %d", signal);
	}
	putchar('\n');
	return 0;
}

/* Whether posix_spawn keeps a fault ignored is not asked: this library can't see to it. */
static void inherited(bool faults)
{
	char *arguments[] = { "dispositions", "show", NULL };
	posix_spawnattr_t attributes;
	sigset_t some, defaults;
	pid_t child;

	for (int signal = 1; signal <= 64; signal++)
		if (settable(signal) && signal != SIGCHLD)
			sysv_signal(signal, signal % 2 == 0 ? plain : faults || !(signal == SIGSEGV || signal == SIGBUS) ? SIG_IGN : SIG_DFL);
	if (faults)
		sysv_signal(SIGFPE, SIG_IGN);
	sigemptyset(&some);
	for (int signal = 1; signal <= 64; signal += 3)
		sigaddset(&some, signal);
	sigaddset(&some, SIGSEGV);
	sigprocmask(SIG_SETMASK, &some, NULL);
	fflush(stdout);
	if (faults) {
		child = fork();
		if (child == 0) {
			execv(self, arguments);
			_exit(99);
		}
		printf("%s fork and exec: %x\n", phase, end_of(child));
		fflush(stdout);
		child = vfork();
		if (child == 0) {
			signal(SIGUSR1, SIG_DFL);
			signal(SIGHUP, SIG_DFL);
			signal(SIGSEGV, SIG_DFL);
			execl(self, "dispositions", "show", (char *)NULL);
			_exit(99);
		}
		printf("%s vfork and exec: %x\n", phase, end_of(child));
		show();
	} else {
		if (posix_spawn(&child, self, NULL, NULL, arguments, environ) != 0)
			fatal("posix_spawn");
		printf("%s spawn: %x\n", phase, end_of(child));
		fflush(stdout);
		posix_spawnattr_init(&attributes);
		sigemptyset(&defaults);
		sigaddset(&defaults, SIGHUP);
		sigaddset(&defaults, SIGPIPE);
		posix_spawnattr_setsigdefault(&attributes, &defaults);
		sigemptyset(&some);
		sigaddset(&some, SIGFPE);
		sigaddset(&some, SIGUSR2);
		posix_spawnattr_setsigmask(&attributes, &some);
		posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
		if (posix_spawn(&child, self, NULL, &attributes, arguments, environ) != 0)
			fatal("posix_spawn");
		printf("%s spawn with attributes: %x\n", phase, end_of(child));
	}
	fflush(stdout);
	for (int signal = 1; signal <= 64; signal++)
		if (settable(signal))
			sysv_signal(signal, SIG_DFL);
	unblock_all();
}

/* Faults of the program's own. */

static sigjmp_buf out;
static volatile char *volatile nowhere;
static char *volatile beyond; /* the end of a file that was cut */

static void jump(int signal, siginfo_t *info, void *context)
{
	(void)context;
	ran++;
	last_code = info->si_code;
	siglongjmp(out, signal);
}

/* Goes on behind an instruction of two bytes. */
static void skip(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	ran++;
	last_code = info->si_code;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
}

static void fault(int signal)
{
	unsigned quotient, remainder;

	switch (signal) {
	case SIGSEGV:
		*nowhere = 1;
		break;
	case SIGBUS:
		*beyond = 1;
		break;
	case SIGFPE:
		__asm__ volatile("divl %2" : "=a"(quotient), "=d"(remainder) : "c"(0), "0"(1), "1"(0));
		break;
	case SIGILL:
		__asm__ volatile("ud2");
		break;
	default:
		__asm__ volatile("int3");
		break;
	}
}

static void faults(void)
{
	static const int all[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };

	for (volatile int i = 0; i < 5; i++) {
		for (volatile int j = 0; j < 4; j++) {
			struct sigaction action = { .sa_sigaction = jump, .sa_flags = SA_SIGINFO };

			action.sa_flags |= j & 1 ? SA_ONSTACK : 0;
			action.sa_flags |= j & 2 ? SA_NODEFER : 0;
			sigaction(all[i], &action, NULL);
			ran = 0;
			printf("%s %d fault:", phase, all[i]);
			for (volatile int turn = 0; turn < 3; turn++) {
				int got = sigsetjmp(out, 1);

				if (got == 0)
					fault(all[i]);
				printf(" %d %d %lx", got, last_code, mask_now());
			}
			printf(" ran %d\n", ran);
		}
		for (int how = 0; how < 3; how++) { /* default, ignored, blocked: the end */
			pid_t child;

			fflush(stdout);
			child = fork();
			if (child == 0) {
				sigset_t all_signals;

				sysv_signal(all[i], how == 0 ? SIG_DFL : how == 1 ? SIG_IGN : plain);
				sigfillset(&all_signals);
				if (how == 2)
					sigprocmask(SIG_SETMASK, &all_signals, NULL);
				fault(all[i]);
				_exit(1);
			}
			printf("%s %d fault %d: %x\n", phase, all[i], how, end_of(child));
		}
		sysv_signal(all[i], SIG_DFL);
	}
	struct sigaction action = { .sa_sigaction = skip, .sa_flags = SA_SIGINFO };

	sigaction(SIGILL, &action, NULL);
	ran = 0;
	for (int i = 0; i < 3; i++)
		__asm__ volatile("ud2");
	printf("%s skipped %d\n", phase, ran);
	sysv_signal(SIGILL, SIG_DFL);
}

/* Signals that come while a call waits: each of those that queue, in order. */

enum { QUEUED = 5 };
static volatile int values[64], value_count, context_is_here;

static void collect(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	if (value_count < 64)
		values[value_count++] = info->si_value.sival_int;
	context_is_here = context && ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] != 0;
}

static void *send_some(void *thread)
{
	struct timespec a_little = { 0, 100000000 };
	union sigval value;

	(void)thread;
	nanosleep(&a_little, NULL);
	for (value.sival_int = 0; value.sival_int < QUEUED; value.sival_int++)
		sigqueue(getpid(), SIGRTMIN + 3, value);
	return NULL;
}

static void queued(void)
{
	struct sigaction action = { .sa_sigaction = collect, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct timespec long_time = { 20, 0 };
	struct io_event event;
	aio_context_t ctx = 0;
	pthread_t other;
	sigset_t set, before;
	long result;

	if (syscall(SYS_io_setup, 8, &ctx) != 0)
		fatal("io_setup");
	sigaction(SIGRTMIN + 3, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, &before);
	if ((errno = pthread_create(&other, NULL, send_some, NULL)) != 0)
		fatal("pthread_create");
	sigprocmask(SIG_SETMASK, &before, NULL);
	value_count = 0;
	result = syscall(SYS_io_getevents, ctx, 1L, 1L, &event, &long_time);
	printf("%s queued: %ld %d\n", phase, result, errno);
	pthread_join(other, NULL);
	printf("%s queued: %d:", phase, value_count);
	for (int i = 0; i < value_count; i++)
		printf(" %d", values[i]);
	printf(" context %d mask %lx\n", context_is_here, mask_now());
	syscall(SYS_io_destroy, ctx);
	sysv_signal(SIGRTMIN + 3, SIG_DFL);
}

static void all(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	for (int signal = 1; signal <= 64; signal++) {
		printf("%s %d:", phase, signal);
		show_action(signal);
		putchar('\n');
		if (!settable(signal))
			continue;
		by_sigaction(signal);
		by_function(signal, "signal", (sighandler_t (*)(int, sighandler_t))dlsym(RTLD_DEFAULT, "signal"));
		by_function(signal, "bsd_signal", (sighandler_t (*)(int, sighandler_t))dlsym(RTLD_DEFAULT, "bsd_signal"));
		by_function(signal, "sysv_signal", sysv_signal);
		by_system_v(signal);
		by_waiting(signal);
		by_default(signal);
	}
	printf("%s wrong: %d %d\n", phase, sigaction(65, NULL, NULL), errno);
	faults();
	inherited(true);
	inherited(false);
}

/* With a kernel running. */
static int die(const char *how)
{
	int ends[2];
	char byte = 0;

	if (pread(fd, &byte, 1, 0) != 1)
		fatal(file);
	if (strcmp(how, "pipe") == 0 || strcmp(how, "pipe-ignored") == 0 || strcmp(how, "pipe-handler") == 0) {
		if (strcmp(how, "pipe-ignored") == 0)
			signal(SIGPIPE, SIG_IGN);
		if (strcmp(how, "pipe-handler") == 0)
			signal(SIGPIPE, plain);
		if (pipe(ends) != 0)
			fatal("pipe");
		close(ends[0]);
		return write(ends[1], &byte, 1) == -1 && errno == EPIPE ? 10 + ran : 1;
	}
	if (strcmp(how, "divide") == 0)
		fault(SIGFPE);
	if (strcmp(how, "segv") == 0)
		fault(SIGSEGV);
	if (strcmp(how, "ill") == 0)
		fault(SIGILL);
	if (strcmp(how, "sent") == 0)
		kill(getpid(), SIGSEGV);
	if (strcmp(how, "exec") == 0) {
		signal(SIGSEGV, SIG_IGN);
		signal(SIGPIPE, SIG_IGN);
		execl(self, "dispositions", "show", (char *)NULL);
	}
	return 1;
}

int main(int argc, char **argv)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	char template[] = "/tmp/dispositionsXXXXXX", byte;
	int other = mkstemp(template);

	self = "/proc/self/exe";
	if (argc == 2 && strcmp(argv[1], "show") == 0) {
		unlink(template);
		return show();
	}
	if (argc != 2 && (argc != 4 || strcmp(argv[1], "die") != 0))
		return 2;
	if (other < 0 || ftruncate(other, 4096) != 0)
		fatal(template);
	unlink(template);
	beyond = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
	if (beyond == MAP_FAILED || ftruncate(other, 0) != 0 || sigaltstack(&stack, NULL) != 0)
		fatal("memory");
	file = argv[argc - 1];
	if (argc == 2) {
		unblock_all();
		phase = "before";
		all();
		phase = "after";
	}
	fd = open(file, O_RDONLY);
	if (fd < 0 || pread(fd, &byte, 1, 0) != 1)
		fatal(file);
	if (argc == 4)
		return die(argv[2]);
	all();
	queued();
	return 0;
}
